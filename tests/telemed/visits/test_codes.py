"""Join codes: what opens the waiting room, what does not, and what an attacker can learn from it."""

import asyncio
import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from telemed.visits import codes
from telemed.visits.codes import ALLOWED_FAILURES, ALPHABET, Admitted, Refusal, Refused
from telemed.visits.models import Guest, JoinAttempt, JoinCode
from tests.telemed.visits.builders import BORN, NOW, WINDOW, Desk

WRONG = date(1951, 3, 15)
NEVER_ISSUED = "0000-0000-0000"


async def test_a_code_has_three_groups_of_four_from_crockfords_alphabet(desk: Desk) -> None:
    code = await desk.issue()

    assert re.fullmatch(f"[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", code)


async def test_code_and_birth_date_open_the_appointment(desk: Desk) -> None:
    code = await desk.issue("a7")

    opened = await desk.check(code)

    assert isinstance(opened, Admitted)
    assert (opened.appointment_id, opened.tenant, opened.role) == ("a7", "t1", Guest.PATIENT)


@given(st.lists(st.sampled_from(ALPHABET), min_size=12, max_size=12), st.data())
def test_a_code_is_understood_however_it_was_typed(letters: list[str], data: st.DataObject) -> None:
    lookalikes = {"0": "0Oo", "1": "1IiLl"}
    typed = [data.draw(st.sampled_from(lookalikes.get(letter, letter + letter.lower()))) for letter in letters]
    between = [data.draw(st.sampled_from(["", " ", "-", " - ", "\u2011", "."])) for _ in letters]

    text = "".join(letter + gap for letter, gap in zip(typed, between, strict=True))

    assert codes.normalise(text) == "".join(letters)


async def test_wrong_code_and_wrong_date_are_refused_alike_at_every_attempt(desk: Desk) -> None:
    code = await desk.issue()

    wrong_dates = [await desk.check(code, born=WRONG) for _ in range(ALLOWED_FAILURES + 2)]
    wrong_codes = [await desk.check(NEVER_ISSUED) for _ in range(ALLOWED_FAILURES + 2)]

    assert wrong_dates == wrong_codes


async def test_five_wrong_dates_lock_a_code_for_the_right_date_too(desk: Desk) -> None:
    code = await desk.issue()

    answers = [await desk.check(code, born=WRONG) for _ in range(ALLOWED_FAILURES)]

    assert [answer.tries_left for answer in answers if isinstance(answer, Refused)] == [4, 3, 2, 1, 0]
    assert await desk.check(code) == Refused(Refusal.LOCKED)


async def test_parallel_attempts_gain_no_extra_try(desk: Desk) -> None:
    code = await desk.issue()

    answers = await asyncio.gather(*(desk.check(code, born=BORN + timedelta(days=n)) for n in range(1, 31)))

    wrong = [answer for answer in answers if isinstance(answer, Refused) and answer.reason is Refusal.WRONG]
    assert len(wrong) == ALLOWED_FAILURES - 1
    assert await desk.check(code) == Refused(Refusal.LOCKED)


async def test_the_right_date_gives_all_tries_back(desk: Desk) -> None:
    code = await desk.issue()
    for _ in range(ALLOWED_FAILURES - 1):
        await desk.check(code, born=WRONG)

    opened = await desk.check(code)

    assert isinstance(opened, Admitted)
    assert await desk.check(code, born=WRONG) == Refused(Refusal.WRONG, tries_left=4)


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (WINDOW.opens - timedelta(seconds=1), Refused(Refusal.EARLY, opens=WINDOW.opens)),
        (WINDOW.closes + timedelta(seconds=1), Refused(Refusal.OVER)),
    ],
)
async def test_outside_the_window_the_holder_is_told_only_with_the_right_date(
    desk: Desk, at: object, told: Refused
) -> None:
    code = await desk.issue()
    assert isinstance(at, type(NOW))

    assert await desk.check(code, at=at) == told
    assert await desk.check(code, at=at, born=WRONG) == Refused(Refusal.WRONG, tries_left=4)


async def test_the_code_of_a_cancelled_appointment_says_so_only_with_the_right_date(desk: Desk) -> None:
    code = await desk.issue()
    await desk.database.write(lambda session: codes.cancel(session, "a1"))

    assert await desk.check(code) == Refused(Refusal.CANCELLED)
    assert await desk.check(code, born=WRONG) == Refused(Refusal.WRONG, tries_left=4)


async def test_a_newer_code_replaces_the_older_of_the_same_person(desk: Desk) -> None:
    older, relative = await desk.issue(), await desk.issue(role=Guest.RELATIVE)

    newer = await desk.issue()

    assert await desk.check(older) == Refused(Refusal.REPLACED)
    assert isinstance(await desk.check(newer), Admitted)
    assert isinstance(await desk.check(relative), Admitted)


async def test_nothing_that_is_stored_shows_code_or_date(desk: Desk) -> None:
    code = await desk.issue()

    rows = await desk.database.read(lambda session: repr(session.exec(select(JoinCode)).all()))

    assert code not in rows and code.replace("-", "") not in rows
    assert BORN.isoformat() not in rows and str(BORN.year) not in rows


async def test_old_attempts_are_forgotten_but_a_locked_code_stays_locked(desk: Desk) -> None:
    code = await desk.issue()
    for _ in range(ALLOWED_FAILURES):
        await desk.check(code, born=WRONG)
        await desk.check(NEVER_ISSUED)

    await desk.database.write(lambda session: codes.forget_attempts(session, now=NOW + timedelta(days=2)))

    assert len(await desk.database.read(lambda session: session.exec(select(JoinAttempt)).all())) == 1
    assert await desk.check(code) == Refused(Refusal.LOCKED)


def test_the_link_carries_the_code_behind_the_hash_only() -> None:
    assert codes.join_url("https://telemed.example/", "abcd efgh jkmn") == "https://telemed.example/j#ABCD-EFGH-JKMN"
