"""Who has what when: the only place that decides whether a time can be booked.

A booking claims every five-minute tick of every resource it needs: practitioner, room, device and patient. The primary
key (resource, tick, lane) is the arbiter. Resources are locked first, in sorted order, because two bookings that take
the same resources in opposite order would otherwise run into each other (measured: 49 deadlocks in 200).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, delete, or_, select
from sqlalchemy.dialects.postgresql import insert as unique_insert
from sqlmodel import Session, col

from infra.among import among
from infra.columns import UtcDateTime
from infra.problems import Conflict, Unprocessable
from infra.statements import Statement
from telemed.schedules.models import Bookable, Occupancy, SlotStatus
from telemed.schedules.rules import Interval

TICK = 300
# Longer blocks are absences, which belong into the rules.
LONGEST = timedelta(hours=24)

_IN_TIME: Final = (col(Occupancy.tick) >= bindparam("first_tick"), col(Occupancy.tick) < bindparam("tick_after"))
_OF_RESOURCES: Final = among(col(Occupancy.resource), "resources")
_OF_APPOINTMENT: Final = col(Occupancy.appointment_id) == bindparam("appointment")
_NOW: Final = bindparam("now", type_=UtcDateTime())
_LOCK: Final = Statement(
    select(col(Bookable.resource))
    .where(among(col(Bookable.resource), "resources"))
    .order_by(col(Bookable.resource))
    .with_for_update()
)
_RELEASE: Final = Statement(delete(Occupancy).where(_OF_APPOINTMENT))
_OCCUPIED: Final = Statement(select(col(Occupancy.resource)).where(_OF_APPOINTMENT).distinct())
_HOLDS: Final = or_(col(Occupancy.hold_until).is_(None), col(Occupancy.hold_until) > _NOW)
_TAKEN: Final = Statement(
    select(col(Occupancy.tick)).where(
        _OF_RESOURCES, *_IN_TIME, col(Occupancy.appointment_id) != bindparam("besides"), _HOLDS
    )
)
_BUSY: Final = Statement(select(col(Occupancy.tick), col(Occupancy.hold_until)).where(_OF_RESOURCES, *_IN_TIME))
_FREE_EXPIRED: Final = Statement(delete(Occupancy).where(_OF_RESOURCES, *_IN_TIME, col(Occupancy.hold_until) <= _NOW))
# SQLite has PostgreSQL's words for it.
_IF_ABSENT: Final = {
    Bookable: Statement(unique_insert(Bookable).on_conflict_do_nothing(), columns=Bookable.model_fields),
    Occupancy: Statement(unique_insert(Occupancy).on_conflict_do_nothing(), columns=Occupancy.model_fields),
}


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
    known = {name for (name,) in _LOCK.rows(session, {"resources": names})}
    missing = [name for name in names if name not in known]
    if missing:
        _insert_if_absent(session, Bookable, [{"resource": name} for name in missing])
        _LOCK.rows(session, {"resources": names})


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
    _RELEASE.run(session, {"appointment": appointment_id})


def occupied(session: Session, appointment_id: str) -> tuple[str, ...]:
    """The resources that an appointment occupies or holds, sorted."""
    return tuple(sorted(name for (name,) in _OCCUPIED.rows(session, {"appointment": appointment_id})))


def taken(
    session: Session, resources: Iterable[str], interval: Interval, *, now: datetime, besides: str = ""
) -> frozenset[int]:
    """The ticks of the interval in which one of the resources is taken or held by an appointment other than `besides`."""
    names = sorted(resources)
    if not names:
        return frozenset()
    asked = {**_asked(names, ticks(interval)), "besides": besides, "now": now}
    return frozenset(tick for (tick,) in _TAKEN.rows(session, asked))


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
    taken: dict[int, list[datetime | None]] = {}
    for tick, hold_until in _BUSY.rows(session, _asked(resources, range(first, last))):
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
    _FREE_EXPIRED.run(session, {**_asked(resources, wanted), "now": now})


def _asked(resources: Sequence[str], wanted: range) -> dict[str, Any]:
    return {"resources": resources, "first_tick": wanted.start, "tick_after": wanted.stop}


def _insert_if_absent(session: Session, table: type[Bookable] | type[Occupancy], rows: list[dict[str, Any]]) -> int:
    return _IF_ABSENT[table].run_each(session, rows)


def _told(wanted: range) -> str:
    # The time that was asked for: never whose it is, which resource (one of them is the patient), nor from when to when.
    return f"The time from {_moment(wanted.start)} to {_moment(wanted.stop)} is taken. Choose another slot."


def _moment(tick: int) -> str:
    return datetime.fromtimestamp(tick * TICK, UTC).strftime("%Y-%m-%dT%H:%MZ")
