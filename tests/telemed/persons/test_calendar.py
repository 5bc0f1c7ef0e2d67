"""One person is in one place at a time, whatever clinics call them; and no calendar shows another clinic's."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import col
from sqlmodel import select as sqlselect

from fhir.rows import Stored
from infra.clock import FixedClock
from infra.database import Database
from infra.problems import Conflict, Problem
from telemed.booking import engine, plan
from telemed.booking.busy import PER_PERSON, WITHIN, Met, TooManyRefusals
from telemed.booking.engine import HOLD
from telemed.booking.finding import find, wish_of
from telemed.booking.models import BusyMet
from telemed.booking.resource import hold_extension
from telemed.schedules.models import Occupancy, SlotTime
from telemed.schedules.occupancy import TimeTaken
from tests.effort import repetitions
from tests.fhir.record import kvnr
from tests.telemed.booking.clinic import CLINIC, OTHER, Clinic, appointment, given, patient, role, system
from tests.telemed.booking.clinic import open_clinic as opened
from tests.telemed.persons.people import People

NUMBER = [kvnr(4711)]


@dataclass
class Region:
    """Two clinics, and a person whom both know; `here` and `there` are the ids of the Patients."""

    clinic: Clinic
    people: People
    slots: list[SlotTime]

    async def book_here(self, slot: SlotTime, **more: Any) -> Stored:
        return await self.clinic.write(appointment(slot, patient="here", **more))

    async def book_there(self, slot: SlotTime, *, who: str = "there", **more: Any) -> Stored:
        visit = appointment(slot, patient=who, **more)
        del visit["slot"]
        visit["participant"].append({"actor": {"reference": "Practitioner/colleague"}, "status": "accepted"})
        return await self.clinic.write(visit, caller=system(OTHER))

    async def link(self) -> None:
        await self.people.link(CLINIC, "here", OTHER)
        await self.people.link(OTHER, "there", CLINIC)

    async def found(self, patient_id: str = "here") -> list[str]:
        """The starts of the times that the clinic is offered for its patient."""
        wish = wish_of(given(patient_reference=f"Patient/{patient_id}"), now=self.clinic.clock.now())
        offers = await self.clinic.run(lambda s: find(s, self.clinic.desk, system(), wish=wish))
        return [offer["start"] for offer in offers]


@pytest.fixture
async def region(database: Database, tmp_path: Any) -> Region:
    """The clinics, with a practitioner each."""
    clinic = await opened(database, tmp_path)
    await clinic.write({"resourceType": "Practitioner"}, id="colleague", caller=system(OTHER))
    colleague = role() | {"practitioner": {"reference": "Practitioner/colleague"}}
    await clinic.write(colleague, id="role-b", caller=system(OTHER))
    url = "https://telemed.example/fhir/StructureDefinition/slot-minutes"
    schedule = {
        "resourceType": "Schedule",
        "extension": [{"url": url, "valuePositiveInt": 20}],
        "actor": [{"reference": "PractitionerRole/role-b"}],
    }
    await clinic.write(schedule, id="schedule-b", caller=system(OTHER))
    await clinic.write(patient(), id="here")
    await clinic.write(patient(), id="there", caller=system(OTHER))
    return Region(clinic, People(database, clinic.store), await clinic.slots())


async def test_linked_patients_are_never_in_two_places(region: Region) -> None:
    await region.link()
    await region.book_there(region.slots[0])

    with pytest.raises(TimeTaken):
        await region.book_here(region.slots[0])

    await region.book_here(region.slots[1])
    with pytest.raises(TimeTaken):
        await region.book_there(region.slots[1])


async def test_the_refusal_is_the_one_of_any_taken_time(region: Region) -> None:
    """Word for word: neither that it is the patient, nor where, nor from when to when."""
    await region.clinic.update(await region.clinic.write(patient(), id="other"), identifier=[kvnr(1)])
    await region.book_there(region.slots[0], who="there")
    for id, caller in (("here", system()), ("there", system(OTHER))):
        await region.people.change(caller.tenant, id, identifier=NUMBER)
    by_person = await refusal(region.book_here(region.slots[0]))
    visit = appointment(region.slots[0], patient="other") | {"slot": []}
    del visit["slot"]
    visit["participant"].append({"actor": {"reference": "Practitioner/doctor"}, "status": "accepted"})
    await region.clinic.write(visit)
    visit["participant"][0]["actor"]["reference"] = "Patient/patient"

    by_practitioner = await refusal(region.clinic.write(visit))

    assert (type(by_person), by_person.text) == (type(by_practitioner), by_practitioner.text)


async def refusal(booking: Any) -> Problem:
    with pytest.raises(TimeTaken) as refused:
        await booking
    return refused.value


async def test_find_leaves_out_the_patients_own_times_and_those_of_confirmed_clinics_only(region: Region) -> None:
    starts = await region.found()
    await region.book_there(region.slots[1])
    await region.people.change(CLINIC, "here", identifier=NUMBER)
    await region.people.change(OTHER, "there", identifier=NUMBER)
    by_number = await region.found()

    await region.link()

    # A made-up Patient with somebody's number would otherwise read a month of their days in one call.
    assert by_number == starts
    assert (await region.found())[:-1] == [start for start in starts if start != starts[1]]
    assert await region.found("patient") == starts


async def test_find_leaves_out_what_the_patient_has_at_another_of_the_clinics_schedules(region: Region) -> None:
    starts = await region.found()
    visit = appointment(region.slots[0], patient="here") | {"slot": []}
    del visit["slot"]
    await region.clinic.write({"resourceType": "Practitioner"}, id="second")
    await region.clinic.write(role() | {"practitioner": {"reference": "Practitioner/second"}}, id="role-2")
    url = "https://telemed.example/fhir/StructureDefinition/slot-minutes"
    extension = [{"url": url, "valuePositiveInt": 20}]
    actor = [{"reference": "PractitionerRole/role-2"}]
    await region.clinic.write({"resourceType": "Schedule", "extension": extension, "actor": actor}, id="schedule-2")
    visit["participant"].append({"actor": {"reference": "Practitioner/second"}, "status": "accepted"})
    held = await region.clinic.write(visit)
    during = await region.found()

    await region.clinic.update(held, status="cancelled")

    assert during == starts[1:] + during[len(starts) - 1 :]
    assert await region.found() == starts


async def test_after_separating_each_has_its_own_times_only(region: Region) -> None:
    await region.link()
    await region.book_there(region.slots[0])
    mine = await region.book_here(region.slots[1])
    await region.people.unlink(OTHER, "there", CLINIC)

    await region.book_here(region.slots[0])
    await region.book_there(region.slots[1])

    await region.clinic.update(mine, comment="kommt mit Begleitung")
    await region.link()
    with pytest.raises(Conflict):
        await region.book_there(region.slots[0])


async def test_what_was_booked_twice_before_anybody_knew_stays_and_can_be_changed(region: Region) -> None:
    mine, theirs = await region.book_here(region.slots[0]), await region.book_there(region.slots[0])
    await region.link()

    changed = await region.clinic.update(mine, comment="bitte pünktlich")
    await region.clinic.update(theirs, caller=system(OTHER), status="cancelled")

    moved = await region.clinic.update(changed, **times(region.slots[1]))
    assert moved.data["start"] == region.slots[1].start.isoformat()


def times(slot: SlotTime) -> dict[str, Any]:
    made = appointment(slot)
    return {name: made[name] for name in ("start", "end", "slot")}


async def test_a_hold_of_another_clinic_counts_until_it_ends(region: Region) -> None:
    await region.link()
    until = region.clinic.clock.now() + HOLD
    held: dict[str, Any] = {"status": "pending", "extension": [hold_extension(until)]}
    await region.book_there(region.slots[0], **held)
    with pytest.raises(TimeTaken):
        await region.book_here(region.slots[0])

    clock = region.clinic.clock
    assert isinstance(clock, FixedClock)
    clock.advance(HOLD)

    await region.book_here(region.slots[0])


async def test_a_stranger_with_the_number_is_shaken_off_by_not_believing_it(region: Region) -> None:
    """A clinic that makes up a Patient with somebody's number can fill their day, until the real one says so."""
    await region.people.change(CLINIC, "here", identifier=NUMBER)
    await region.people.change(OTHER, "there", identifier=NUMBER)
    await region.book_there(region.slots[0])
    with pytest.raises(TimeTaken):
        await region.book_here(region.slots[0])

    await region.people.believe(CLINIC, "here", apart=True)

    await region.book_here(region.slots[0])


async def test_of_bookings_at_both_clinics_at_once_one_wins(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Met, "refuse_more", lambda *_: None
    )  # who tries so often is refused before the arbiter is asked
    await region.link()
    for slot in region.slots[: repetitions(4)]:
        tries = [book(slot) for _ in range(4) for book in (region.book_here, region.book_there)]

        answers = await asyncio.gather(*tries, return_exceptions=True)

        assert sum(isinstance(answer, Stored) for answer in answers) == 1
        assert all(isinstance(answer, (Stored, Conflict)) for answer in answers)


async def test_a_booking_while_the_clinics_are_joined_is_before_it_or_after(region: Region) -> None:
    """Whoever books after the joining sees what was booked before: of the later bookings of one time none gets through."""
    for slot in region.slots[: repetitions(4)]:
        await region.people.unlink(CLINIC, "here", OTHER)
        first, _ = await asyncio.gather(region.book_here(slot), region.link())
        assert isinstance(first, Stored)

        with pytest.raises(TimeTaken):
            await region.book_there(slot)


async def test_without_looking_at_the_persons_other_patients_both_clinics_would_book(
    region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    await region.link()
    monkeypatch.setattr(engine, "same_person", lambda *_: frozenset())
    await region.book_there(region.slots[0])

    await region.book_here(region.slots[0])

    assert len(await region.clinic.rows(select(col(Occupancy.appointment_id)).distinct())) == 2


async def test_what_was_booked_under_the_older_name_of_a_person_still_counts(region: Region) -> None:
    """Before Patients were busy one by one, the person was; bookings of that time stay until they are over."""
    booked = await region.book_there(region.slots[0])
    here = (await region.people.persons())["here"]
    await region.clinic.run(lambda s: rename(s, region, booked.id, here))

    with pytest.raises(TimeTaken):
        await region.book_here(region.slots[0])

    assert (await region.clinic.rows(select(func.count()).select_from(Occupancy)))[0] == 8


def rename(session: Any, region: Region, appointment_id: str, person: str) -> None:
    """Nothing; the booking lies under what a Patient stands for by itself."""
    named = col(Occupancy.resource).like("person/%"), col(Occupancy.appointment_id) == appointment_id
    for row in session.execute(select(Occupancy).where(*named)).scalars().all():
        row.resource = plan.patient_resource(region.clinic.desk.vault, person)


async def test_a_clinic_that_meets_a_busy_person_too_often_learns_nothing_more(region: Region) -> None:
    await region.link()
    busy, free = region.slots[0], region.slots[5]
    await region.book_there(busy)
    for _ in range(PER_PERSON):
        with pytest.raises(TimeTaken):
            await region.book_here(busy)

    refused = [await _outcome(region.book_here(slot)) for slot in (busy, free)]
    await region.clinic.desk.met.write_down(region.clinic.database)
    refused.append(await _outcome(region.book_here(free)))
    region.clinic.desk.met.clock.advance(WITHIN)  # type: ignore[attr-defined]  # the clock of this test

    assert refused == [TooManyRefusals] * 3
    assert (await region.book_here(free)).id


async def test_all_processes_count_together_and_other_clinics_are_not_held_up(region: Region) -> None:
    await region.link()
    await region.book_there(region.slots[0])
    met, other = region.clinic.desk.met, Met(region.clinic.clock)
    for _ in range(PER_PERSON):
        await _outcome(region.book_here(region.slots[0]))
    await met.write_down(region.clinic.database)
    names = await region.clinic.run(lambda session: [each.person for each in session.exec(sqlselect(BusyMet))])

    with pytest.raises(TooManyRefusals):
        await region.clinic.run(lambda session: other.refuse_more(session, system(), names[0]))
    await region.clinic.run(lambda session: other.refuse_more(session, system(OTHER), names[0]))
    assert len(names) == PER_PERSON and len(set(names)) == 1


async def test_a_twin_that_does_not_count_would_tell_for_ever(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Met, "refuse_more", lambda *_: None)
    await region.link()
    await region.book_there(region.slots[0])

    assert [await _outcome(region.book_here(region.slots[0])) for _ in range(PER_PERSON + 2)] == [TimeTaken] * (
        PER_PERSON + 2
    )


async def test_busy_elsewhere_is_told_like_taken_here(region: Region) -> None:
    await region.link()
    await region.book_there(region.slots[0])
    await region.clinic.write(patient(), id="neighbour")
    await region.clinic.write(appointment(region.slots[1], patient="neighbour"))

    told = []
    for slot in region.slots[:2]:
        with pytest.raises(TimeTaken) as refused:
            await region.book_here(slot)
        told.append((refused.value.status, refused.value.issue, len(refused.value.text)))

    assert told[0] == told[1]


async def _outcome(booking: Awaitable[Stored]) -> type[Exception] | None:
    """Why a booking was refused; None if it was not."""
    try:
        await booking
    except Problem as refused:
        return type(refused)
    return None
