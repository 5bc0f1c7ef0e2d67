"""A process that books and is killed: `python -m tests.telemed.booking.crashing URL FOLDER inside|running`.

`inside` says so while the booking's atomic unit is open and then waits for its end; `running` books slot after slot and
names each one that was acknowledged.
"""

import asyncio
import json
import signal
import sys
from functools import partial
from pathlib import Path

from sqlmodel import Session

from fhir.codec import parse
from fhir.store import Change, Store
from infra.caller import Caller
from infra.clock import FixedClock
from infra.database import open_database
from tests.telemed.booking.clinic import MONDAY, appointment, make_desk, system


async def main(url: str, folder: Path, mode: str) -> None:
    """Book until killed."""
    clinic = make_desk(open_database(url), folder, FixedClock(MONDAY))
    store = _stuck(clinic.store) if mode == "inside" else clinic.store
    for slot in [slot for slot in await clinic.slots() if slot.status == "free"]:
        parsed = parse(json.dumps(appointment(slot)).encode(), type=None)
        stored = await clinic.database.write(partial(store.create, caller=system(), parsed=parsed))
        print(stored.id, flush=True)


def _stuck(store: Store) -> Store:
    """The same store, which stops after everything was written and before the commit."""

    def wait(session: Session, caller: Caller, change: Change) -> None:
        session.flush()
        print("inside", flush=True)
        signal.pause()

    return Store(store.vault, store.policy, store.clock, (*store.hooks, wait))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
