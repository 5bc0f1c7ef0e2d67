"""Today's list of a clinic: its appointments, with whom, and how far each visit has come."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlmodel import col, or_, select

from fhir import codec
from fhir.search import parsing
from fhir.store import Store
from infra.caller import Caller
from infra.clock import SystemClock
from infra.database import Session
from telemed.console.directory import by_id
from telemed.pages.times import REGION
from telemed.schedules.keepers import holders
from telemed.schedules.practitioners import practitioners
from telemed.visits import companions, here, resource
from telemed.visits.codes import EARLY, Window
from telemed.visits.models import CodeState, Guest, JoinCode, Stage, Visit
from telemed.visits.service import OPEN, minutes_waiting
from video.rooms import Rooms

MOST_ROWS: Final = 500
SHOWN: Final = frozenset({"booked", "arrived", "checked-in", "fulfilled", "noshow"})
# How far back a visit may have begun and still belong to the list on the screen.
RECENT: Final = timedelta(hours=18)
AWAY: Final = "away"
Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One appointment on the list."""

    id: str
    start: datetime
    patient: str
    birth_date: date | None
    practitioner: str
    video: bool
    state: str
    companions: tuple[str, ...] = ()
    call_back: bool = False


@dataclass(frozen=True, slots=True)
class Presence:
    """How far a visit has come as the console shows it, and for how long the patient has been waiting."""

    state: str
    minutes: int = 0
    # Who is there beside the patient, by role: at the device, or by a code of their own.
    company: tuple[str, ...] = ()
    # Somebody at the device asked to be phoned instead.
    call_back: bool = False


def rows(session: Session, store: Store, caller: Caller, *, rooms: Rooms, now: datetime) -> list[Row]:
    """Today's appointments of the caller's clinic and what goes on over midnight, earliest first.

    Part of an atomic unit.
    """
    appointments = _appointments(session, store, caller, now)
    patients = by_id(session, store, caller, type="Patient", ids=_participants(appointments, "Patient"))
    attending = practitioners(session, appointments.values())
    staff = by_id(session, store, caller, type="Practitioner", ids=attending.values())
    coded = _with_code(session, appointments)
    present = presences(session, caller.tenant, rooms=rooms, now=now)
    # Presence goes by the machine's clock, as the waiting page does.
    along = companions.here(session, list(appointments), now=SystemClock().now())
    made = []
    for id, data in appointments.items():
        patient = patients.get(resource.participant(data, "Patient") or "", {})
        made.append(
            Row(
                id=id,
                start=resource.moment(data["start"]),
                patient=resource.name(patient),
                birth_date=resource.birth_date(patient),
                practitioner=resource.name(staff.get(attending.get(id, ""), {})),
                video=id in coded or id in present,
                state=present[id].state if id in present else _state_of(data["status"]),
                companions=tuple(
                    sorted({*along.get(id, {}).values(), *(present[id].company if id in present else ())})
                ),
                call_back=id in present and present[id].call_back,
            )
        )
    return sorted(made, key=lambda row: (row.start, row.patient))


def presences(session: Session, tenant: str, *, rooms: Rooms, now: datetime) -> dict[str, Presence]:
    """Who waits, who talks and who is done, by appointment. Cheap: no resource is opened."""
    came = or_(col(Visit.waiting_since) > now - RECENT, col(Visit.call_back).is_not(None))
    recent = select(Visit).where(col(Visit.tenant) == tenant, came)
    return {visit.appointment_id: presence(visit, rooms=rooms, now=now) for visit in session.exec(recent)}


def presence(visit: Visit, *, rooms: Rooms, now: datetime) -> Presence:
    """How far one visit has come: ended by the record, all else by who is in the room.

    Who has been in the conversation and is not there now is away: they hung up, or their network is gone.
    """
    if visit.stage == Stage.ENDED:
        return Presence(Stage.ENDED, call_back=visit.call_back is not None)
    guests = [seat for seat in rooms.view(visit.room).seats if seat.connected and not seat.role.admits]
    roles = {*here.people(visit), *(seat.role.value for seat in guests)}
    said = partial(Presence, company=tuple(sorted(roles - {Guest.PATIENT})), call_back=visit.call_back is not None)
    if any(seat.admitted for seat in guests):
        return said(Stage.ADMITTED)
    if guests:
        return said(Stage.WAITING, minutes_waiting(visit, now))
    return said(AWAY if visit.stage == Stage.ADMITTED else Stage.EXPECTED)


def _appointments(session: Session, store: Store, caller: Caller, now: datetime) -> dict[str, Data]:
    """Today's appointments, and those beyond midnight that can be joined now or are under way."""
    midnight = now.astimezone(REGION).replace(hour=0, minute=0, second=0, microsecond=0)
    # The next local midnight, on the days when the clock is changed too.
    following = (midnight + timedelta(hours=36)).replace(hour=0)
    today = _starting(session, store, caller, since=midnight, until=max(following, now + EARLY))
    listed = {id: data for id, data in today.items() if data["status"] in SHOWN}
    if now - RECENT < midnight:
        before = _starting(session, store, caller, since=now - RECENT, until=midnight)
        begun = {id: data for id, data in before.items() if data["status"] in OPEN}
        under_way = _under_way(session, begun)
        listed |= {id: data for id, data in begun.items() if id in under_way or _joinable(data, now)}
    return listed


def _starting(session: Session, store: Store, caller: Caller, *, since: datetime, until: datetime) -> dict[str, Data]:
    asked = parsing.parse(
        "Appointment",
        [
            ("date", f"ge{codec.instant(since)}"),
            ("date", f"lt{codec.instant(until)}"),
            ("_count", str(MOST_ROWS)),
            ("_total", "none"),
        ],
    )
    found = store.search(session, caller, asked).entries
    held = holders(session, {entry.id: entry.tenant for entry in found})
    return {entry.id: entry.data for entry in found if held[entry.id] == caller.tenant}


def _joinable(data: Data, now: datetime) -> bool:
    start, end = (resource.moment(data[name]) for name in ("start", "end"))
    return now <= Window.around(start, end).closes


def _under_way(session: Session, appointments: Iterable[str]) -> set[str]:
    """Those to which somebody has come, or that have begun, and that have not ended."""
    wanted = col(Visit.appointment_id).in_(list(appointments))
    going_on = col(Visit.stage).in_((Stage.WAITING, Stage.ADMITTED))
    return set(session.exec(select(Visit.appointment_id).where(wanted, going_on)))


def _participants(appointments: Mapping[str, Mapping[str, Any]], type: str) -> set[str]:
    named = (resource.participant(data, type) for data in appointments.values())
    return {id for id in named if id}


def _with_code(session: Session, appointments: Iterable[str]) -> set[str]:
    wanted = col(JoinCode.appointment_id).in_(list(appointments))
    return set(session.exec(select(JoinCode.appointment_id).where(wanted, JoinCode.state == CodeState.ACTIVE)))


def _state_of(status: str) -> str:
    return Stage.ENDED if status == "fulfilled" else Stage.EXPECTED
