"""With whom an appointment is, where its client named the patient alone."""

from telemed.schedules.practitioners import practitioner, practitioners
from tests.telemed.booking.clinic import Clinic, appointment


async def test_a_booked_slot_says_with_whom_the_appointment_is(clinic: Clinic) -> None:
    first, second, *_ = await clinic.slots()
    stored = await clinic.write(appointment(first))
    named = appointment(second) | {"id": "named"}
    named["participant"] = [*named["participant"], {"actor": {"reference": "Practitioner/other"}, "status": "accepted"}]

    found = await clinic.run(lambda session: practitioners(session, [stored.data, named]))

    assert [each["actor"]["reference"] for each in stored.data["participant"]] == ["Patient/patient"]
    assert found == {stored.id: "doctor", "named": "other"}


async def test_an_appointment_without_a_slot_of_ours_says_nothing(clinic: Clinic) -> None:
    (slot, *_) = await clinic.slots()
    sent = appointment(slot) | {"id": "a", "slot": [{"reference": "Slot/elsewhere"}]}

    assert await clinic.run(lambda session: practitioner(session, sent)) is None
