"""kill -9 during a booking: afterwards all of it is there or nothing of it."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from pathlib import Path

from sqlalchemy import func, select
from sqlmodel import col

from fhir.tables import Resource
from infra.queue import Job
from telemed.booking.models import Booking
from telemed.notices.models import Notice
from telemed.schedules.models import Occupancy, SlotStatus, SlotTime
from telemed.visits.models import JoinCode
from tests.effort import repetitions
from tests.fixtures.processes import scrubbed
from tests.telemed.booking.clinic import Clinic, appointment

ROOT = Path(__file__).parents[3]
TICKS = 2 * 4  # practitioner and patient, 20 minutes


async def booker(url: str, folder: Path, mode: str) -> Process:
    arguments = ("-m", "tests.telemed.booking.crashing", url, str(folder), mode)
    return await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE, cwd=ROOT, env=scrubbed())


async def lines(process: Process, count: int) -> list[str]:
    assert process.stdout is not None
    return [(await process.stdout.readline()).decode().strip() for _ in range(count)]


async def killed(process: Process) -> None:
    process.kill()
    await process.wait()


async def booked(clinic: Clinic) -> list[str]:
    """The ids of all appointments; each has everything that belongs to a booking, and nothing else has."""
    ids = sorted(await clinic.rows(select(col(Resource.id)).where(col(Resource.type) == "Appointment")))
    ticks = Counter(await clinic.rows(select(col(Occupancy.appointment_id))))
    notices = Counter(await clinic.rows(select(col(Notice.appointment_id))))
    jobs = (await clinic.rows(select(func.count()).select_from(Job).where(col(Job.kind) == "notice.deliver")))[0]
    busy = select(func.count()).select_from(SlotTime).where(col(SlotTime.status) == SlotStatus.BUSY)
    assert sorted(await clinic.rows(select(col(Booking.appointment_id)))) == ids
    assert sorted(await clinic.rows(select(col(JoinCode.appointment_id)))) == ids
    assert ticks == dict.fromkeys(ids, TICKS)
    assert notices == dict.fromkeys(ids, 2)
    assert (jobs, (await clinic.rows(busy))[0]) == (2 * len(ids), len(ids))
    return ids


async def test_killed_before_the_commit_nothing_is_left(clinic: Clinic, database_url: str, tmp_path: Path) -> None:
    process = await booker(database_url, tmp_path, "inside")
    assert await lines(process, 1) == ["inside"]

    await killed(process)

    assert await booked(clinic) == []
    await clinic.write(appointment((await clinic.slots())[0]))
    assert len(await booked(clinic)) == 1, "the slot is free again"


async def test_killed_at_any_moment_what_was_acknowledged_is_there(
    clinic: Clinic, database_url: str, tmp_path: Path
) -> None:
    acknowledged: set[str] = set()
    for seen in range(1, 1 + repetitions(2)):
        process = await booker(database_url, tmp_path, "running")
        acknowledged |= set(await lines(process, seen))
        await killed(process)

        ids = await booked(clinic)
        assert acknowledged <= set(ids)
        slots = (await clinic.slots())[: len(ids)]
        assert {(await clinic.read("Slot", slot.slot_id))["status"] for slot in slots} == {"busy"}
        assert {(await clinic.read("Appointment", id))["status"] for id in ids} == {"booked"}
