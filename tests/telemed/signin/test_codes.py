"""Recovery codes and invitations: once each, replaced all at once, of no use to who has left."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest
from sqlmodel import select

from infra.clock import FixedClock
from infra.database import Database, Session
from infra.vault import Vault
from telemed.identity.lifetimes import INVITATION
from telemed.identity.models import Clinician
from telemed.signin import invitations, recovery
from telemed.signin.invitations import InvitationOver
from telemed.signin.models import Invitation, RecoveryCode
from tests.telemed.signin.people import clinician, registered

BOTH = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])


@pytest.fixture
async def codes(database: Database, vault: Vault) -> list[str]:
    await registered(database, clinician("anke"), clinician("bert"))
    return await database.write(lambda session: recovery.renew(session, vault, clinician_id="anke"))


async def redeem(database: Database, vault: Vault, code: str) -> str | None:
    return await database.write(lambda session: recovery.redeem(session, vault, code))


@BOTH
async def test_of_50_uses_of_one_code_at_once_exactly_one_counts(
    database: Database, vault: Vault, codes: list[str]
) -> None:
    found = await asyncio.gather(*(redeem(database, vault, codes[3]) for _ in range(50)))

    assert sorted(each or "" for each in found) == [""] * 49 + ["anke"]


@BOTH
async def test_sets_made_at_once_leave_one_set(database: Database, vault: Vault, codes: list[str]) -> None:
    renew = partial(recovery.renew, vault=vault, clinician_id="anke")
    sets = await asyncio.gather(*(database.write(renew) for _ in range(5)))

    left = await database.read(lambda session: recovery.left(session, clinician_id="anke"))
    winners = [each for each in sets if await redeem(database, vault, each[0])]

    assert (left, len(winners)) == (recovery.CODES, 1)
    assert await redeem(database, vault, codes[0]) is None


async def test_a_code_is_read_as_people_type_it_and_is_nowhere_stored(
    database: Database, vault: Vault, codes: list[str]
) -> None:
    rows = await database.read(lambda session: list(session.exec(select(RecoveryCode))))

    assert codes[0].replace("-", "") not in str([row.model_dump() for row in rows])
    assert await redeem(database, vault, f" {codes[0].lower().replace('-', ' ')} ") == "anke"
    assert await redeem(database, vault, "") is None


async def test_a_code_of_who_has_left_opens_nothing(database: Database, vault: Vault, codes: list[str]) -> None:
    def leave(session: Session) -> None:
        session.get_one(Clinician, "anke").active = False

    await database.write(leave)

    assert await redeem(database, vault, codes[0]) is None


async def invited(database: Database, vault: Vault, clock: FixedClock, id: str = "anke") -> str:
    unit = partial(invitations.invite, vault=vault, clinician_id=id, now=clock.now())
    return await database.write(unit)


async def accept(database: Database, vault: Vault, clock: FixedClock, token: str) -> str:
    unit = partial(invitations.accept, vault=vault, token=token, now=clock.now())
    return await database.write(lambda session: unit(session).id)


@BOTH
async def test_of_50_uses_of_one_invitation_at_once_exactly_one_counts(
    database: Database, vault: Vault, clock: FixedClock, codes: list[str]
) -> None:
    token = await invited(database, vault, clock)

    ended = await asyncio.gather(*(accept(database, vault, clock, token) for _ in range(50)), return_exceptions=True)

    assert [each for each in ended if not isinstance(each, InvitationOver)] == ["anke"]


async def test_an_invitation_ends_after_a_day_and_with_a_newer_one(
    database: Database, vault: Vault, clock: FixedClock, codes: list[str]
) -> None:
    first, other = await invited(database, vault, clock), await invited(database, vault, clock, "bert")
    second = await invited(database, vault, clock)

    with pytest.raises(InvitationOver):
        await accept(database, vault, clock, first)
    clock.advance(INVITATION - timedelta(seconds=1))
    assert await accept(database, vault, clock, second) == "anke"
    clock.advance(timedelta(seconds=1))
    with pytest.raises(InvitationOver):
        await accept(database, vault, clock, other)
    kept = await database.read(lambda session: session.get(Invitation, "bert"))
    assert kept is not None and other.encode() not in kept.digest
