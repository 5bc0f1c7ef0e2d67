"""However a reference to this record is written, it means the same: no spelling books past the arbiter."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from fhir.codec import parse
from fhir.here import stand_at
from telemed.booking.operations import cancel_reference
from telemed.booking.problems import AppointmentUnknown
from telemed.schedules.models import Occupancy
from telemed.schedules.occupancy import TimeTaken
from telemed.schedules.resource import local_id
from tests.telemed.booking.clinic import Clinic, appointment, given, patient, schedule

BASE = "https://telemed.example/fhir"
SPELLINGS = [f"{BASE}/", "", f"{BASE}/*/_history/1", "*/_history/1"]


@pytest.fixture(autouse=True)
def here() -> Iterator[None]:
    stand_at(BASE)
    yield
    stand_at("")


def spelt(spelling: str, reference: str) -> str:
    return spelling.replace("*", reference) if "*" in spelling else f"{spelling}{reference}"


async def occupied(clinic: Clinic) -> int:
    found: int = (await clinic.rows(select(func.count()).select_from(Occupancy)))[0]
    return found


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_a_slot_is_booked_once_however_it_is_spelt(clinic: Clinic, spelling: str) -> None:
    slot = (await clinic.slots())[0]
    await clinic.write(patient(), id="patient-2")
    named = {"slot": [{"reference": spelt(spelling, f"Slot/{slot.slot_id}")}]}

    await clinic.write(appointment(slot) | named)
    with pytest.raises(TimeTaken):
        await clinic.write(appointment(slot, patient="patient-2") | named)

    assert await occupied(clinic) == 2 * 4
    assert (await clinic.read("Slot", slot.slot_id))["status"] == "busy"


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("actor", ["Practitioner/doctor", "PractitionerRole/role"])
async def test_a_practitioner_is_taken_however_they_are_spelt(clinic: Clinic, spelling: str, actor: str) -> None:
    slot = (await clinic.slots())[0]
    await clinic.write(appointment(slot))
    await clinic.write(patient(), id="patient-2")
    second = appointment(slot, patient="patient-2")
    second.pop("slot")
    second["participant"].append({"actor": {"reference": spelt(spelling, actor)}, "status": "accepted"})

    with pytest.raises(TimeTaken):
        await clinic.write(second)


async def test_a_schedule_with_an_absolute_actor_is_managed_like_any(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    await clinic.write(appointment(slot))
    far = schedule() | {"actor": [{"reference": f"{BASE}/PractitionerRole/role"}]}
    await clinic.write(far, id="schedule-2")
    times = {"status": "free", "start": slot.start.isoformat(), "end": slot.end.isoformat()}
    body = {"resourceType": "Slot", "schedule": {"reference": f"{BASE}/Schedule/schedule-2"}} | times
    await clinic.write(body, id="slot-2")
    await clinic.write(patient(), id="patient-2")

    with pytest.raises(TimeTaken):
        await clinic.write(appointment(slot, patient="patient-2") | {"slot": [{"reference": "Slot/slot-2"}]})


def test_an_operation_knows_an_appointment_here_by_any_spelling_and_none_elsewhere() -> None:
    for sent in ("a-1", "Appointment/a-1", f"{BASE}/Appointment/a-1", f"{BASE}/Appointment/a-1/_history/2"):
        assert cancel_reference(given(appointment_reference=sent)) == "a-1"
    for sent in ("https://elsewhere.example/fhir/Appointment/a-1", "Patient/a-1", f"{BASE}/Patient/a-1"):
        with pytest.raises(AppointmentUnknown):
            cancel_reference(given(appointment_reference=sent))


async def test_the_twin_that_reads_relative_references_alone_books_twice(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemed.booking.resource.local_id", lambda text, type: local_id(_blind(text), type))
    slot = (await clinic.slots())[0]
    far = {"slot": [{"reference": f"{BASE}/Slot/{slot.slot_id}"}]}

    for _ in range(2):
        sent = parse(json.dumps(appointment(slot) | far).encode(), type=None).data
        await clinic.write(sent)

    assert await occupied(clinic) == 0


def _blind(text: str | None) -> str:
    return "" if (text or "").startswith("https:") else text or ""
