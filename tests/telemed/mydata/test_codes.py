"""Codes of letters: what they open, what a wrong PIN costs, and what happens when everybody tries at once."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from infra.database import Database
from telemed.mydata import codes, sessions
from telemed.mydata.codes import ALLOWED_FAILURES, LIFETIME, Issued, Refusal, Refused
from telemed.mydata.models import LetterAttempt, LetterCode, MySession
from telemed.visits.codes import ALPHABET
from tests.telemed.visits.builders import make_vault

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NEVER_ISSUED = "0000-0000-0000"
RACERS = 50


class Letters:
    """Issues and checks letters of one patient, at a time that a test sets."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.vault = database, make_vault(folder)

    async def issue(self, compartment: str = "c1") -> Issued:
        """A new letter."""
        return await self.database.write(
            lambda session: codes.issue(session, self.vault, compartment=compartment, tenant="t1", now=NOW)
        )

    async def check(self, code: str, pin: str, *, at: datetime = NOW) -> LetterCode | Refused:
        """What code and PIN open."""
        return await self.database.write(lambda session: codes.check(session, self.vault, code=code, pin=pin, now=at))

    async def enter(self, issued: Issued) -> str:
        """The cookie value of a new session."""

        def unit(session: object) -> str:
            found = codes.check(session, self.vault, code=issued.code, pin=issued.pin, now=NOW)  # type: ignore[arg-type]  # one session for both
            assert isinstance(found, LetterCode)
            return sessions.open_session(session, self.vault, found, now=NOW)  # type: ignore[arg-type]  # the same

        return await self.database.write(unit)

    async def failures(self) -> list[int]:
        """The attempts that are counted now."""
        return await self.database.read(lambda session: list(session.exec(select(LetterAttempt.failures))))

    async def open_sessions(self) -> int:
        """How many sessions are open."""
        ended = await self.database.read(lambda session: list(session.exec(select(MySession.ended))))
        return ended.count("")


@pytest.fixture
def letters(database: Database, tmp_path: Path) -> Letters:
    return Letters(database, tmp_path)


def other(pin: str) -> str:
    """A PIN that is not this one."""
    return f"{(int(pin) + 1) % 10**6:06}"


async def test_a_letter_has_a_code_like_a_visit_and_a_pin_of_six_digits(letters: Letters) -> None:
    issued = await letters.issue()

    assert re.fullmatch(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", issued.code)
    assert re.fullmatch("[0-9]{6}", issued.pin)
    assert isinstance(await letters.check(issued.code.lower().replace("-", " "), issued.pin), LetterCode)


async def test_wrong_code_and_wrong_pin_are_refused_alike_at_every_attempt(letters: Letters) -> None:
    issued = await letters.issue()

    wrong_pins = [await letters.check(issued.code, other(issued.pin)) for _ in range(ALLOWED_FAILURES + 2)]
    wrong_codes = [await letters.check(NEVER_ISSUED, issued.pin) for _ in range(ALLOWED_FAILURES + 2)]

    assert wrong_pins == wrong_codes


async def test_five_wrong_pins_lock_the_letter_for_the_right_pin_too_and_for_good(letters: Letters) -> None:
    issued = await letters.issue()
    answers = [await letters.check(issued.code, other(issued.pin)) for _ in range(ALLOWED_FAILURES)]

    later = NOW + timedelta(days=30)
    await letters.database.write(lambda session: codes.forget_letters(session, now=later))

    assert [answer.tries_left for answer in answers if isinstance(answer, Refused)] == [4, 3, 2, 1, 0]
    assert await letters.check(issued.code, issued.pin, at=later) == Refused(Refusal.LOCKED)


async def test_a_new_letter_opens_again_what_was_locked_and_kills_the_old_one(letters: Letters) -> None:
    old = await letters.issue()
    for _ in range(ALLOWED_FAILURES):
        await letters.check(old.code, other(old.pin))
    unused = await letters.issue()

    new = await letters.issue()

    assert isinstance(await letters.check(new.code, new.pin), LetterCode)
    assert await letters.check(old.code, old.pin) == Refused(Refusal.LOCKED)
    assert await letters.check(unused.code, unused.pin) == Refused(Refusal.REPLACED)
    assert await letters.check(unused.code, other(unused.pin)) == Refused(Refusal.WRONG, tries_left=4)


async def test_an_old_letter_says_so_only_to_who_has_the_pin(letters: Letters) -> None:
    issued = await letters.issue()

    assert await letters.check(issued.code, issued.pin, at=NOW + LIFETIME) == Refused(Refusal.OVER)
    assert await letters.check(issued.code, other(issued.pin), at=NOW + LIFETIME) == Refused(Refusal.WRONG, 4)


async def test_fifty_wrong_tries_at_once_count_fifty(letters: Letters) -> None:
    issued = await letters.issue()

    answers = await asyncio.gather(*(letters.check(issued.code, other(issued.pin)) for _ in range(RACERS)))

    wrong = [answer for answer in answers if isinstance(answer, Refused) and answer.reason is Refusal.WRONG]
    assert await letters.failures() == [RACERS]
    assert len(wrong) == ALLOWED_FAILURES - 1
    assert await letters.check(issued.code, issued.pin) == Refused(Refusal.LOCKED)


async def test_of_fifty_devices_at_once_one_is_in(letters: Letters) -> None:
    issued = await letters.issue()

    tokens = await asyncio.gather(*(letters.enter(issued) for _ in range(RACERS)))

    assert len(set(tokens)) == RACERS
    assert await letters.open_sessions() == 1


async def test_without_ending_the_earlier_ones_all_fifty_would_be_in(
    letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "ELSEWHERE", "")
    issued = await letters.issue()

    await asyncio.gather(*(letters.enter(issued) for _ in range(RACERS)))

    assert await letters.open_sessions() == RACERS


async def test_the_second_question_for_the_pin_counts_with_the_first_and_ends_the_session(letters: Letters) -> None:
    issued = await letters.issue()
    await letters.enter(issued)
    key = letters.vault.token("letter-code", issued.code.replace("-", ""))

    async def confirm(pin: str) -> Refused | None:
        return await letters.database.write(
            lambda session: codes.confirm(session, letters.vault, code_hash=key, pin=pin, now=NOW)
        )

    assert await confirm(issued.pin) is None
    wrong = [await confirm(other(issued.pin)) for _ in range(ALLOWED_FAILURES)]

    assert [answer.tries_left for answer in wrong if answer] == [4, 3, 2, 1, 0]
    assert await letters.open_sessions() == 0
    assert await letters.check(issued.code, issued.pin) == Refused(Refusal.LOCKED)


async def test_nothing_that_is_stored_shows_code_or_pin(letters: Letters) -> None:
    issued = await letters.issue()

    rows = await letters.database.read(lambda session: repr(session.exec(select(LetterCode)).all()))

    assert issued.code not in rows and issued.code.replace("-", "") not in rows and issued.pin not in rows
