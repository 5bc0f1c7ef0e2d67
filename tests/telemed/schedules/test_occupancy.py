"""The arbiter on real databases: one winner, no deadlock, holds that end by themselves."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlmodel import Session, col

from infra.database import Database
from telemed.schedules import occupancy
from telemed.schedules.models import Bookable, Occupancy, SlotStatus
from telemed.schedules.occupancy import Claim, TimeTaken
from telemed.schedules.rules import Interval
from tests.effort import repetitions

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HALF_HOUR = Interval(NOON, NOON + timedelta(minutes=30))


def booking(appointment: str, *resources: str, hold: datetime | None = None, at: Interval = HALF_HOUR) -> Claim:
    return Claim(appointment, frozenset(resources or ("Practitioner/a",)), at, hold)


async def attempt(database: Database, wanted: Claim, *, now: datetime = NOON) -> bool:
    try:
        await database.write(lambda session: occupancy.claim(session, wanted, now=now))
    except TimeTaken:
        return False
    return True


async def rows(database: Database) -> list[tuple[str, str]]:
    statement = select(col(Occupancy.resource), col(Occupancy.appointment_id)).distinct()
    found = await database.read(lambda session: session.execute(statement).all())
    return sorted((resource, appointment) for resource, appointment in found)


async def test_of_200_at_once_exactly_one_gets_the_time(database: Database) -> None:
    results = await asyncio.gather(*(attempt(database, booking(f"a{number}")) for number in range(200)))

    assert results.count(True) == 1
    assert len(await rows(database)) == 1


async def test_two_resources_in_opposite_order_do_not_deadlock(database: Database) -> None:
    pairs = [("Practitioner/a", "Location/b"), ("Location/b", "Practitioner/a")]
    times = [Interval(NOON + timedelta(minutes=30 * n), NOON + timedelta(minutes=30 * n + 45)) for n in range(10)]
    wanted = [booking(f"a{n}", *pairs[n % 2], at=times[n % 10]) for n in range(repetitions(100))]

    results = await asyncio.gather(*(attempt(database, each) for each in wanted))

    assert results.count(True) >= 1
    whole = select(func.count()).select_from(Occupancy)
    count = await database.read(lambda session: session.execute(whole).scalar_one())
    assert count == results.count(True) * 2 * 9, "every winner has both resources for all its ticks"


async def test_overlap_of_a_single_tick_is_refused_and_names_the_asked_time_only(database: Database) -> None:
    await attempt(database, booking("first"))
    late = Interval(NOON + timedelta(minutes=28), NOON + timedelta(minutes=58))

    with pytest.raises(TimeTaken) as refused:
        await database.write(lambda session: occupancy.claim(session, booking("second", at=late), now=NOON))

    assert "2026-11-24T12:25Z to 2026-11-24T13:00Z" in refused.value.text
    assert "first" not in refused.value.text
    assert "Practitioner" not in refused.value.text


async def test_a_neighbouring_time_is_free(database: Database) -> None:
    await attempt(database, booking("first"))

    assert await attempt(database, booking("next", at=Interval(HALF_HOUR.end, HALF_HOUR.end + timedelta(minutes=5))))


async def test_a_hold_keeps_others_out_until_it_expires(database: Database) -> None:
    await attempt(database, booking("held", hold=NOON + timedelta(minutes=5)))

    before = await attempt(database, booking("early"), now=NOON + timedelta(minutes=4))
    after = await asyncio.gather(
        *(attempt(database, booking(f"late{n}"), now=NOON + timedelta(minutes=5)) for n in range(20))
    )

    assert not before
    assert after.count(True) == 1


async def test_a_hold_that_was_taken_over_can_not_be_confirmed(database: Database) -> None:
    await attempt(database, booking("held", hold=NOON + timedelta(minutes=5)))
    await attempt(database, booking("late"), now=NOON + timedelta(minutes=5))

    assert not await attempt(database, booking("held"), now=NOON + timedelta(minutes=4))
    assert ("Practitioner/a", "late") in await rows(database)


async def test_a_confirmed_hold_does_not_expire(database: Database) -> None:
    await attempt(database, booking("held", hold=NOON + timedelta(minutes=5)))

    assert await attempt(database, booking("held"), now=NOON + timedelta(minutes=4))
    assert not await attempt(database, booking("late"), now=NOON + timedelta(days=1))


async def test_a_released_time_is_free_again(database: Database) -> None:
    await attempt(database, booking("first"))
    await database.write(lambda session: occupancy.release(session, "first"))

    assert await attempt(database, booking("second"))


async def test_a_refused_move_leaves_the_old_time(database: Database) -> None:
    later = Interval(NOON + timedelta(hours=1), NOON + timedelta(hours=2))
    await attempt(database, booking("mine"))
    await attempt(database, booking("other", at=later))

    assert not await attempt(database, booking("mine", at=later))
    assert not await attempt(database, booking("third"))


async def test_the_guard_is_the_primary_key(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: without the count check a second booking is believed to have succeeded."""
    real = occupancy._insert_if_absent

    def blind(session: Session, table: type[Occupancy] | type[Bookable], found: list[dict[str, object]]) -> int:
        real(session, table, found)
        return len(found)

    monkeypatch.setattr(occupancy, "_insert_if_absent", blind)

    assert await attempt(database, booking("first"))
    assert await attempt(database, booking("second")), "seen: a double booking"


async def test_slots_look_free_held_or_busy(database: Database) -> None:
    hour = [Interval(NOON + timedelta(minutes=30 * n), NOON + timedelta(minutes=30 * n + 30)) for n in range(3)]
    await attempt(database, booking("booked", at=hour[0]))
    await attempt(database, booking("held", at=hour[1], hold=NOON + timedelta(minutes=5)))

    def look(session: Session) -> list[occupancy.Busy]:
        return occupancy.busy(session, ["Practitioner/a"], hour, now=NOON)

    assert [found.status for found in await database.read(look)] == [SlotStatus.BUSY, SlotStatus.HELD, SlotStatus.FREE]
