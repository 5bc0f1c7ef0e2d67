"""Today's list over midnight: what can still be joined, waits or is under way stays on it."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from infra.clock import ShiftedClock
from infra.database import Session
from telemed.schedules.models import SlotTime
from telemed.visits import resource
from tests.telemed.visits.clinic import DOCTOR, TENANT, VIDEO, Clinic, clinic_on
from tests.telemed.visits.test_visit import come

# The visit lasts until ten past midnight; its code opens until ten past four.
START = datetime.fromisoformat("2026-11-23T23:50:00+01:00")


@pytest.fixture
async def clinic(database_url: str, tmp_path: Path) -> AsyncIterator[Clinic]:
    """A clinic with a video appointment that begins now, ten minutes before midnight."""
    async with clinic_on(tmp_path, database_url, now=START) as made:
        yield made


async def is_listed(clinic: Clinic, moment: str) -> bool:
    """True if the list has the visit at this moment of the region's time."""
    object.__setattr__(clinic.services, "clock", ShiftedClock(datetime.fromisoformat(f"{moment}+01:00")))
    answer = await (await clinic.clinician()).get("/console")
    assert answer.status_code == 200
    return f'data-appointment="{VIDEO}"' in answer.text


async def test_a_visit_before_midnight_is_listed_as_long_as_its_code_opens(clinic: Clinic) -> None:
    day_before, same_day = "2026-11-22T23:19:00", "2026-11-23T00:00:00"
    after = [f"2026-11-24T{time}:00" for time in ("00:05", "04:09", "04:11")]

    listed = [await is_listed(clinic, moment) for moment in (day_before, same_day, *after)]

    assert listed == [False, True, True, True, False]


async def test_a_visit_after_midnight_is_listed_as_soon_as_its_code_opens(clinic: Clinic) -> None:
    times = {"start": "2026-11-24T00:00:00+01:00", "end": "2026-11-24T00:20:00+01:00"}
    await clinic.change("Appointment", VIDEO, **times)

    listed = [await is_listed(clinic, f"2026-11-23T{time}:00") for time in ("12:00", "23:29", "23:31")]

    assert listed == [False, False, True]


async def test_who_still_waits_is_listed_after_the_code_has_closed(clinic: Clinic) -> None:
    await come(clinic)

    assert await is_listed(clinic, "2026-11-24T07:00:00")


async def test_a_visit_that_has_begun_is_listed_until_it_has_ended(clinic: Clinic) -> None:
    await come(clinic)
    doctor = await clinic.clinician()
    await doctor.post(f"/visits/{VIDEO}/admit")
    during = await is_listed(clinic, "2026-11-24T07:00:00")

    await doctor.post(f"/visits/{VIDEO}/end")

    assert during
    assert await is_listed(clinic, "2026-11-23T23:59:00")
    assert not await is_listed(clinic, "2026-11-24T00:01:00")


async def test_a_cancelled_visit_leaves_the_list(clinic: Clinic) -> None:
    await clinic.change("Appointment", VIDEO, status="cancelled")

    assert not await is_listed(clinic, "2026-11-24T00:05:00")


async def test_an_appointment_by_slot_alone_is_with_the_practitioner_of_its_schedule(clinic: Clinic) -> None:
    before = await clinic.read("Appointment", VIDEO)
    alone = [each for each in before["participant"] if each["actor"]["reference"].startswith("Patient/")]

    def offered(session: Session) -> None:
        start, end = (resource.moment(before[edge]) for edge in ("start", "end"))
        session.add(SlotTime(slot_id="slot-1", schedule_id="schedule-1", tenant=TENANT, start=start, end=end,
                             origin="rule", offered=True, status="free"))  # fmt: skip

    await clinic.services.database.write(offered)
    await clinic.change("Appointment", VIDEO, participant=alone, slot=[{"reference": "Slot/slot-1"}])
    seen_by_patient = (await (await clinic.patient()).get("/visit")).text
    doctor = await clinic.clinician()
    await come(clinic)
    begun = await doctor.post(f"/visits/{VIDEO}/admit")

    assert "<td>Dr. Wiebke Testfeld</td>" in (await doctor.get("/console")).text
    assert "Dr. Wiebke Testfeld" in seen_by_patient
    encounter = await clinic.read("Encounter", begun.json()["encounter"])
    assert encounter["participant"][0]["individual"]["reference"] == f"Practitioner/{DOCTOR}"
