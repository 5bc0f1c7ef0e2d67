"""The law's hold: ten years after the last entry of a treatment, and nothing overrides it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clock import FixedClock
from telemed.booking.models import Booking
from telemed.keys.erasing import Eraser, erase
from telemed.keys.hold import PatientExpected, RecordRetained, later_by_years
from tests.telemed.keys.patients import created, left, order, registered, status
from tests.telemed.service import Service


def in_days(service: Service, days: int) -> Eraser:
    """The eraser of this service, so many days from now."""
    eraser = service.services.eraser
    clock = FixedClock(datetime.now(UTC) + timedelta(days=days))
    return Eraser(eraser.database, eraser.vault, eraser.listed, clock)


@pytest.mark.parametrize(("days", "erasable"), [(0, False), (3640, False), (3660, True)])
async def test_a_treatment_is_kept_for_ten_years(service: Service, days: int, *, erasable: bool) -> None:
    http = await service.system("a")
    id = await registered(http, "Muster", treated=True)

    if erasable:
        await erase(in_days(service, days), order(id))
        assert await left(service.services.database, service.services.vault, id) == {}
        return
    with pytest.raises(RecordRetained, match=rf"until {datetime.now(UTC).year + 10}-\d\d-\d\d \(BGB"):
        await erase(in_days(service, days), order(id))

    assert await status(http, id) == 200
    assert service.services.eraser.listed.lines() == []


async def test_what_was_deleted_or_corrected_is_kept_as_well(service: Service) -> None:
    http = await service.system("a")
    id = await registered(http, "Muster")
    flag = {
        "resourceType": "Flag",
        "status": "active",
        "code": {"text": "x"},
        "subject": {"reference": f"Patient/{id}"},
    }
    await http.delete(f"/fhir/Flag/{await created(http, flag)}")

    with pytest.raises(RecordRetained):
        await erase(service.services.eraser, order(id))


async def test_whoever_is_expected_is_not_erased(service: Service) -> None:
    http = await service.system("a")
    id = await registered(http, "Muster")
    visit = await created(http, appointment(id))
    ahead = datetime.now(UTC) + timedelta(days=1)
    booking = Booking(appointment_id=visit, tenant="a", status="booked", start=ahead, end=ahead)
    await service.services.database.write(lambda session: session.merge(booking) and None)

    with pytest.raises(PatientExpected):
        await erase(service.services.eraser, order(id))
    await erase(in_days(service, 2), order(id))


def appointment(patient_id: str) -> dict[str, object]:
    """An appointment of a patient's that the engine knows nothing of."""
    who = {"actor": {"reference": f"Patient/{patient_id}"}, "status": "accepted"}
    return {"resourceType": "Appointment", "status": "proposed", "participant": [who]}


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2900, 1, 1)), st.integers(0, 100))  # noqa: DTZ001  # made aware below
def test_later_by_years_keeps_the_order_of_moments(moment: datetime, years: int) -> None:
    aware = moment.replace(tzinfo=UTC)

    assert later_by_years(aware, years) <= later_by_years(aware + timedelta(days=1), years)
    assert later_by_years(aware, years).year == aware.year + years
