"""Today's appointments: video visits that can be joined now, and others through the day."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec
from sqlmodel import Session, col, select

from fhir.codec import Parsed
from fhir.search import parsing
from telemed.booking.models import Booking
from telemed.booking.states import MOVES, OCCUPYING
from telemed.demo.clinics import Clinician
from telemed.demo.describe import JoinableAppointment
from telemed.demo.history import write_history
from telemed.demo.people import Person
from telemed.demo.population import Population
from telemed.notices.models import Notice
from telemed.notices.service import opened
from telemed.schedules.calendar import platform
from telemed.schedules.occupancy import TimeTaken
from telemed.schedules.resource import instant
from telemed.services import Services
from telemed.visits.codes import join_url

# Doctors of three clinics and the nurse of a care service sign in to the demo; each has a visit now and some later.
AT_WORK: Final = (0, 1, 8, 9)
LATER: Final = (40, 80)
ADULT: Final = 18
LENGTH: Final = timedelta(minutes=20)
# Who can be joined has been at the clinic so often before; so many are looked at, seven in ten have.
SEEN: Final = 2
CANDIDATES: Final = 12
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Booked:
    """An appointment of today and the codes that open it."""

    appointment_id: str
    clinician: int
    person: Person


def at_work(population: Population) -> tuple[Clinician, ...]:
    """The clinicians who sign in to the demo, in the order of demo.json."""
    return tuple(population.staff[number] for number in AT_WORK)


async def book_today(services: Services, population: Population) -> tuple[JoinableAppointment, ...]:
    """The video appointments that can be joined now; today's others are booked beside them."""
    now = services.clock.now().replace(second=0, microsecond=0)
    start = now - timedelta(minutes=now.minute % 5)
    willing = population.willing()
    joinable = []
    for number, clinician in enumerate(at_work(population)):
        patients = _patients_of(population, clinician, start=start, willing=willing)
        known_first = await _known_first(services, clinician, patients)
        booked = await _book(services, clinician, known_first, start=start, number=number)
        await write_history(services, booked.person, clinician=clinician)
        joinable.append(await _joinable(services, booked, clinician))
        if await services.database.read(partial(_nothing_later, clinician=clinician, start=start)):
            for turn, minutes in enumerate(LATER, start=1):
                later = start + timedelta(minutes=minutes)
                await _book(services, clinician, known_first[turn:], start=later, number=number)
    return tuple(joinable)


def _patients_of(
    population: Population, clinician: Clinician, *, start: datetime, willing: frozenset[int]
) -> list[Person]:
    """The clinic's adult patients who count in statistics, from another one on at every start of the demo."""
    own = [person for person in population.persons if clinician.clinic in person.clinics and person.number in willing]
    known = [person for person in own if person.age(start.date()) >= ADULT]
    first = _first(start)
    return [known[(first + step) % len(known)] for step in range(len(known))]


def _first(start: datetime) -> int:
    """Whose turn it is first."""
    return int(start.timestamp()) // 300 * (len(LATER) + 1)


async def _known_first(services: Services, clinician: Clinician, patients: list[Person]) -> list[Person]:
    """All of them, first one who has been at the clinic twice, so that there is something to read beside the call."""
    caller = platform(clinician.clinic.id)

    def seen(session: Session, person: Person) -> bool:
        wanted = [("patient", person.patient_id(clinician.clinic)), ("_count", str(SEEN)), ("_total", "none")]
        found = services.record.search(session, caller, parsing.parse("Encounter", wanted))
        return len(found.entries) >= SEEN

    def unit(session: Session) -> Person | None:
        return next((person for person in patients[:CANDIDATES] if seen(session, person)), None)

    known = await services.database.write(unit)
    return sorted(patients, key=lambda person: person is not known)


def _nothing_later(session: Session, *, clinician: Clinician, start: datetime) -> bool:
    """True unless an earlier start of the demo left appointments for the next hours."""
    statement = select(Booking).where(
        col(Booking.tenant) == clinician.clinic.id,
        col(Booking.status) == "booked",
        col(Booking.start) >= start + LENGTH,
        col(Booking.start) < start + timedelta(minutes=2 * LATER[-1]),
    )
    return session.exec(statement.limit(1)).first() is None


async def _book(
    services: Services, clinician: Clinician, persons: Sequence[Person], *, start: datetime, number: int
) -> Booked:
    """The visit of the first who has time: somebody may be registered, and booked, at another clinic, too."""

    def unit(session: Session, parsed: Parsed) -> str:
        _make_room(session, services, clinician, start=start)
        return services.store.create(session, platform(clinician.clinic.id), parsed).id

    for person in persons:
        body = appointment(clinician, person, start=start)
        parsed = Parsed("Appointment", body, msgspec.json.encode(body))
        with suppress(TimeTaken):
            return Booked(await services.database.write(partial(unit, parsed=parsed)), number, person)
    raise TimeTaken


def _make_room(session: Session, services: Services, clinician: Clinician, *, start: datetime) -> None:
    """Nothing; what an earlier start of the demo left at this time is cancelled, or void where somebody came."""
    statement = select(Booking).where(
        col(Booking.tenant) == clinician.clinic.id,
        col(Booking.status).in_(OCCUPYING),
        col(Booking.start) < start + LENGTH,
        col(Booking.end) > start,
    )
    caller = platform(clinician.clinic.id)
    for booking in session.exec(statement).all():
        stored = services.record.read(session, caller, "Appointment", booking.appointment_id)
        if f"Practitioner/{clinician.id}" not in stored.body.decode():
            continue
        status = "cancelled" if "cancelled" in MOVES[booking.status] else "entered-in-error"
        changed = {**stored.data, "status": status}
        parsed = Parsed("Appointment", changed, msgspec.json.encode(changed))
        services.store.update(session, caller, "Appointment", stored.id, parsed, if_match=None)


async def _joinable(services: Services, booked: Booked, clinician: Clinician) -> JoinableAppointment:
    """The appointment with the link that the patient was sent."""

    def unit(session: Session) -> str:
        statement = select(Notice).where(col(Notice.appointment_id) == booked.appointment_id)
        notice = session.exec(statement).first()
        assert notice is not None
        return opened(session, services.vault, notice).code

    code = await services.database.write(unit)
    return JoinableAppointment(
        appointment_id=booked.appointment_id,
        patient_id=booked.person.patient_id(clinician.clinic),
        birth_date=booked.person.birth_date.isoformat(),
        organization_id=clinician.clinic.id,
        join_url=join_url(services.settings.base_url, code),
        clinician=booked.clinician,
    )


def appointment(clinician: Clinician, person: Person, *, start: datetime) -> Resource:
    """A booked video visit of a person; a test validates it, so that a start need not load the models."""
    patient = person.patient_id(clinician.clinic)
    participants = {
        f"Patient/{patient}": f"{person.given} {person.family}",
        f"Practitioner/{clinician.id}": clinician.name,
    }
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "appointmentType": {"text": "Videosprechstunde"},
        "start": instant(start),
        "end": instant(start + LENGTH),
        "participant": [
            {"actor": {"reference": reference, "display": display}, "status": "accepted"}
            for reference, display in participants.items()
        ],
    }
