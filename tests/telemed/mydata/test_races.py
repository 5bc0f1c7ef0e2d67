"""One code in several processes at once: every wrong try counts, and one device is in."""

import asyncio
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from infra.database import Database
from telemed.mydata import codes as letters
from telemed.mydata.models import LetterAttempt, MySession
from telemed.visits import codes
from telemed.visits.codes import Window
from telemed.visits.models import JoinAttempt, VisitSession
from tests.fixtures.processes import scrubbed
from tests.telemed.mydata.racing import KINDS
from tests.telemed.visits.builders import make_vault

PROCESSES, EACH = 2, 25
BORN = date(1951, 3, 14)
WRONG = {"letter": "no pin", "visit": "1951-03-15"}


async def issued(database: Database, folder: Path, kind: str) -> tuple[str, str]:
    """A code and its factor."""
    vault, now = make_vault(folder), datetime.now(UTC)
    if kind == "letter":
        made = await database.write(
            lambda session: letters.issue(session, vault, compartment="c1", tenant="t1", now=now)
        )
        return made.code, made.pin
    window = Window.around(now, now + timedelta(minutes=20))
    code = await database.write(
        lambda session: codes.issue(session, vault, appointment_id="a1", tenant="t1", factor=BORN, window=window)
    )
    return code, BORN.isoformat()


async def raced(url: str, folder: Path, kind: str, *, code: str, factor: str) -> None:
    """Nothing; several processes have shown code and factor, fifty times in all."""
    command = [kind, url, str(folder / "keys.json"), code, factor, str(EACH)]
    running = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.telemed.mydata.racing", *command, env=scrubbed()
        )
        for _ in range(PROCESSES)
    ]
    assert [await process.wait() for process in running] == [0] * PROCESSES


@pytest.mark.parametrize("kind", KINDS)
async def test_of_fifty_right_tries_in_two_processes_one_device_is_in(
    database: Database, database_url: str, tmp_path: Path, kind: str
) -> None:
    code, factor = await issued(database, tmp_path, kind)

    await raced(database_url, tmp_path, kind, code=code, factor=factor)

    wanted = {"letter": select(MySession.ended), "visit": select(VisitSession.ended)}[kind]
    ended = await database.read(lambda session: list(session.exec(wanted)))
    assert len(ended) == PROCESSES * EACH and ended.count("") == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_fifty_wrong_tries_in_two_processes_count_fifty(
    database: Database, database_url: str, tmp_path: Path, kind: str
) -> None:
    code, _ = await issued(database, tmp_path, kind)

    await raced(database_url, tmp_path, kind, code=code, factor=WRONG[kind])

    wanted = {"letter": select(LetterAttempt.failures), "visit": select(JoinAttempt.failures)}[kind]
    counted = await database.read(lambda session: list(session.exec(wanted)))
    assert counted == [PROCESSES * EACH]
