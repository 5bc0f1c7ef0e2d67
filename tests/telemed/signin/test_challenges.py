"""Challenges are notes that only we can write, for one browser, one purpose and one person."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from infra.database import Database, Session
from infra.vault import FileKeyProvider, Vault
from telemed.identity.lifetimes import CHALLENGE
from telemed.signin import challenges
from telemed.signin.browser import HOME, OURS, local_path
from telemed.signin.challenges import Attempt, Purpose, as_text, consume, forget_challenges, from_text, issue
from telemed.signin.models import UsedChallenge

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
ANKE = Attempt("browser", Purpose.STEP_UP, "anke")


async def used(database: Database, vault: Vault, attempt: Attempt, challenge: bytes, *, now: datetime = NOW) -> bool:
    return await database.write(lambda session: consume(session, vault, attempt, challenge=challenge, now=now))


async def test_no_byte_of_a_challenge_can_be_changed(database: Database, vault: Vault) -> None:
    challenge = issue(vault, ANKE, now=NOW)
    changed = [challenge[:at] + bytes([challenge[at] ^ 1]) + challenge[at + 1 :] for at in range(len(challenge))]

    assert [await used(database, vault, ANKE, each) for each in (*changed, b"", challenge[:-1], challenge + b"x")] == [
        False
    ] * (len(challenge) + 3)
    assert await used(database, vault, ANKE, challenge)


@pytest.mark.parametrize(
    "other",
    [
        Attempt("another", Purpose.STEP_UP, "anke"),
        Attempt("browser", Purpose.ENROL, "anke"),
        Attempt("browser", Purpose.STEP_UP, "bert"),
        Attempt("browser", Purpose.STEP_UP),
        Attempt("browserstep-up", Purpose.STEP_UP, "anke"),
    ],
    ids=str,
)
async def test_it_fits_what_it_was_made_for_alone(database: Database, vault: Vault, other: Attempt) -> None:
    assert not await used(database, vault, other, issue(vault, ANKE, now=NOW))


async def test_asking_writes_nothing_and_what_was_answered_is_forgotten_once_it_has_expired(
    database: Database, vault: Vault
) -> None:
    def rows(session: Session) -> int:
        return len(session.exec(select(UsedChallenge)).all())

    made = [issue(vault, ANKE, now=NOW) for _ in range(3)]
    before = await database.read(rows)
    await used(database, vault, ANKE, made[0])
    kept = await database.read(rows)
    await database.write(lambda session: forget_challenges(session, now=NOW + CHALLENGE + timedelta(seconds=1)))

    assert (before, kept, await database.read(rows)) == (0, 1, 0)
    assert not await used(database, vault, ANKE, made[0], now=NOW + CHALLENGE)


async def test_without_the_row_an_answer_would_count_twice(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenge = issue(vault, ANKE, now=NOW)
    assert [await used(database, vault, ANKE, challenge) for _ in range(2)] == [True, False]

    await database.write(lambda session: forget_challenges(session, now=NOW + 2 * CHALLENGE))

    assert await used(database, vault, ANKE, challenge)


@given(st.binary(max_size=80))
def test_bytes_survive_as_text(raw: bytes) -> None:
    assert from_text(as_text(raw)) == raw


@given(st.text(max_size=400) | st.text("/\\\t console.:?#@", max_size=30).map(lambda rest: HOME + rest))
def test_no_text_leads_to_another_host(asked: str) -> None:
    path = local_path(asked)

    assert path == HOME or (path == asked and path.startswith(OURS))
    assert "//" not in path and "\\" not in path and path.isprintable()


def test_challenges_of_another_installation_fit_nowhere(vault: Vault, tmp_path: Path) -> None:
    other = Vault(FileKeyProvider(tmp_path / "other.json"))

    assert challenges._mac(vault, ANKE, b"x") != challenges._mac(other, ANKE, b"x")
