"""Who has what when: the only place that decides whether a time can be booked.

A booking claims every five-minute tick of every resource it needs: practitioner, room, device and patient. The primary
key (resource, tick, lane) is the arbiter. Resources are locked first, in sorted order, because two bookings that take
the same resources in opposite order would otherwise run into each other (measured: 49 deadlocks in 200).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, delete, or_, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, SQLModel, col

from infra.problems import Conflict, Unprocessable
from telemed.schedules.models import Bookable, Occupancy, SlotStatus
from telemed.schedules.rules import Interval

TICK = 300
# Longer blocks are absences, which belong into the rules.
LONGEST = timedelta(hours=24)


class TimeTaken(Conflict):
    """The time is taken."""

    # Whether it is the same person's time at another clinic; nobody is told, as it is told by the same words.
    elsewhere = False


class TooLong(Unprocessable):
    """An appointment can't be longer than 24 hours, nor end before it starts."""

    issue = "business-rule"


@dataclass(frozen=True, slots=True)
class Claim:
    """What an appointment needs: resources for a time, for good or until a hold expires.

    `beside` names what must be free, too, but is not taken: the same person's other Patients. The caller has locked them.
    """

    appointment_id: str
    resources: frozenset[str]
    interval: Interval
    hold_until: datetime | None = None
    beside: frozenset[str] = frozenset()


def ticks(interval: Interval) -> range:
    """The five-minute ticks since 1970 that the interval touches."""
    return range(int(interval.start.timestamp()) // TICK, -(-int(interval.end.timestamp()) // TICK))


def lock(session: Session, resources: Iterable[str]) -> None:
    """Nothing; until the unit ends nobody else books one of these resources."""
    names = sorted(set(resources))
    statement = select(col(Bookable.resource)).where(col(Bookable.resource).in_(names))
    locking = statement.order_by(col(Bookable.resource)).with_for_update()
    known = set(session.execute(locking).scalars())
    missing = [name for name in names if name not in known]
    if missing:
        _insert_if_absent(session, Bookable, [{"resource": name} for name in missing])
        session.execute(locking).all()


def claim(session: Session, claimed: Claim, *, now: datetime) -> None:
    """Nothing; the resources belong to the appointment for this time. `TimeTaken` if one of them does not.

    What the appointment had before is given up in the same unit, so a hold is confirmed and a visit moved by claiming.
    """
    wanted = ticks(claimed.interval)
    if not wanted or claimed.interval.end - claimed.interval.start > LONGEST:
        raise TooLong
    resources = sorted(claimed.resources)
    lock(session, resources)
    release(session, claimed.appointment_id)
    if taken(session, claimed.beside, claimed.interval, now=now, besides=claimed.appointment_id):
        refused = TimeTaken(_told(wanted))
        refused.elsewhere = True
        raise refused
    _free_expired(session, resources, wanted, now=now)
    rows = [
        {
            "resource": resource,
            "tick": tick,
            "lane": 0,
            "kind": "visit",
            "appointment_id": claimed.appointment_id,
            "hold_until": claimed.hold_until,
        }
        for resource in resources
        for tick in wanted
    ]
    if _insert_if_absent(session, Occupancy, rows) != len(rows):
        raise TimeTaken(_told(wanted))


def release(session: Session, appointment_id: str) -> None:
    """Nothing; the appointment occupies nothing any more."""
    session.execute(delete(Occupancy).where(col(Occupancy.appointment_id) == appointment_id))


def occupied(session: Session, appointment_id: str) -> tuple[str, ...]:
    """The resources that an appointment occupies or holds, sorted."""
    statement = select(col(Occupancy.resource)).where(col(Occupancy.appointment_id) == appointment_id).distinct()
    return tuple(sorted(session.execute(statement).scalars()))


def taken(
    session: Session, resources: Iterable[str], interval: Interval, *, now: datetime, besides: str = ""
) -> frozenset[int]:
    """The ticks of the interval in which one of the resources is taken or held by an appointment other than `besides`."""
    names, wanted = sorted(resources), ticks(interval)
    if not names:
        return frozenset()
    statement = select(col(Occupancy.tick)).where(
        col(Occupancy.resource).in_(names),
        col(Occupancy.tick) >= wanted.start,
        col(Occupancy.tick) < wanted.stop,
        col(Occupancy.appointment_id) != besides,
        or_(col(Occupancy.hold_until).is_(None), col(Occupancy.hold_until) > now),
    )
    return frozenset(session.execute(statement).scalars())


@dataclass(frozen=True, slots=True)
class Busy:
    """What a slot's time looks like: free, held until a moment, or taken."""

    status: SlotStatus
    hold_until: datetime | None = None


def busy(session: Session, resources: Sequence[str], slots: Sequence[Interval], *, now: datetime) -> list[Busy]:
    """For each slot whether one of the resources is taken or held in it."""
    if not slots or not resources:
        return [Busy(SlotStatus.FREE)] * len(slots)
    first, last = min(ticks(slot).start for slot in slots), max(ticks(slot).stop for slot in slots)
    statement = select(col(Occupancy.tick), col(Occupancy.hold_until)).where(
        col(Occupancy.resource).in_(resources), col(Occupancy.tick) >= first, col(Occupancy.tick) < last
    )
    taken: dict[int, list[datetime | None]] = {}
    for tick, hold_until in session.execute(statement):
        if hold_until is None or hold_until > now:
            taken.setdefault(tick, []).append(hold_until)
    return [_busy([hold for tick in ticks(slot) for hold in taken.get(tick, ())]) for slot in slots]


def _busy(holds: list[datetime | None]) -> Busy:
    if not holds:
        return Busy(SlotStatus.FREE)
    until = [hold for hold in holds if hold is not None]
    return Busy(SlotStatus.HELD, max(until)) if len(until) == len(holds) else Busy(SlotStatus.BUSY)


def _free_expired(session: Session, resources: list[str], wanted: range, *, now: datetime) -> None:
    # No sweeper is needed for a hold to end: whoever wants the time next removes it.
    session.execute(
        delete(Occupancy).where(
            col(Occupancy.resource).in_(resources),
            col(Occupancy.tick) >= wanted.start,
            col(Occupancy.tick) < wanted.stop,
            col(Occupancy.hold_until) <= now,
        )
    )


def _insert_if_absent(session: Session, table: type[SQLModel], rows: list[dict[str, Any]]) -> int:
    upsert = postgres_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    return _count(session.execute(upsert(table).values(rows).on_conflict_do_nothing()))


def _count(result: Any) -> int:
    assert isinstance(result, CursorResult)
    return int(result.rowcount)


def _told(wanted: range) -> str:
    # The time that was asked for: never whose it is, which resource (one of them is the patient), nor from when to when.
    return f"The time from {_moment(wanted.start)} to {_moment(wanted.stop)} is taken. Choose another slot."


def _moment(tick: int) -> str:
    return datetime.fromtimestamp(tick * TICK, UTC).strftime("%Y-%m-%dT%H:%MZ")
