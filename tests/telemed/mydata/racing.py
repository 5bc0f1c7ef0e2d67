"""One of several processes that show the same code and factor many times: `python -m tests.telemed.mydata.racing`."""

import asyncio
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from infra.database import Session, open_database
from infra.vault import FileKeyProvider, Vault
from telemed.mydata import codes as letters
from telemed.mydata import sessions as mine
from telemed.mydata.models import LetterCode
from telemed.visits import codes, sessions
from telemed.visits.codes import Admitted

KINDS = ("letter", "visit")


async def race(kind: str, url: str, keys: Path, *, code: str, factor: str, times: int) -> None:
    """Nothing; the code was shown so often at once."""
    database, vault = open_database(url), Vault(FileKeyProvider(keys))
    now = datetime.now(UTC)

    def letter(session: Session) -> None:
        found = letters.check(session, vault, code=code, pin=factor, now=now)
        if isinstance(found, LetterCode):
            mine.open_session(session, vault, found, now=now)

    def visit(session: Session) -> None:
        factors = (date.fromisoformat(factor),)
        found = codes.check(session, vault, code=code, factors=factors, now=now, business_now=now)
        if isinstance(found, Admitted):
            sessions.open_session(session, found, now=now, business_now=now)

    unit = {"letter": letter, "visit": visit}[kind]
    await asyncio.gather(*(database.write(unit) for _ in range(times)))
    await database.close()


if __name__ == "__main__":
    given = sys.argv[1:]
    asyncio.run(race(given[0], given[1], Path(given[2]), code=given[3], factor=given[4], times=int(given[5])))
