"""A process that merges and is killed before its commit: `python -m tests.telemed.persons.crashing URL FOLDER SOURCE TARGET`."""

import asyncio
import signal
import sys
from pathlib import Path

from sqlmodel import Session

from infra.clock import FixedClock
from infra.database import open_database
from telemed.persons import merging
from tests.telemed.booking.clinic import MONDAY, make_desk
from tests.telemed.persons.people import desk


async def main(url: str, folder: Path, source: str, target: str) -> None:
    """Merge, say so, and wait for the end inside the atomic unit."""
    store = make_desk(database := open_database(url), folder, FixedClock(MONDAY)).store

    def unit(session: Session) -> None:
        merging.merge(session, store, desk("north"), source_id=source, target_id=target)
        session.flush()
        print("inside", flush=True)
        signal.pause()

    await database.write(unit)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:]))
