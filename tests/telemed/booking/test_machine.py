"""Random sequences of bookings against a model of ten lines: who has which slot, and until when."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlmodel import col

from fhir.rows import Stored
from infra.database import SqliteDatabase
from infra.problems import Conflict
from telemed.booking.engine import HOLD
from telemed.booking.jobs import expire_hold
from telemed.booking.resource import hold_extension
from telemed.schedules.models import Occupancy
from tests.effort import repetitions
from tests.telemed.booking.clinic import Clinic, appointment, open_clinic, patient

SLOTS = 2
PATIENTS = ("patient", "patient-2")


@dataclass
class Expected:
    """What the model knows of an appointment that occupies a slot."""

    stored: Stored
    slot: int
    patient: str
    until: Any = None


class Bookings(RuleBasedStateMachine):
    """Holds, bookings, moves, cancellations and passing time, on SQLite; the races run on both databases."""

    def __init__(self, clinic: Clinic, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.clinic, self.loop = clinic, loop
        self.slots = self.wait(clinic.slots())[-SLOTS:]
        self.active: list[Expected] = []

    def wait(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    def blocked(self, slot: int) -> bool:
        """True if the model says somebody has the slot now: one practitioner, so the patient makes no difference."""
        return any(each.slot == slot and self.stands(each) for each in self.active)

    def stands(self, each: Expected) -> bool:
        return each.until is None or each.until > self.clinic.clock.now()

    @rule(slot=st.integers(0, SLOTS - 1), patient=st.sampled_from(PATIENTS), held=st.booleans())
    def write(self, slot: int, patient: str, held: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        until = self.clinic.clock.now() + HOLD if held else None
        more = {"status": "pending", "extension": [hold_extension(until)]} if until else {}
        blocked = self.blocked(slot)

        stored = self.attempt(self.clinic.write(appointment(self.slots[slot], patient=patient) | more))

        assert (stored is None) == blocked
        if stored is not None:
            self.active.append(Expected(stored, slot, patient, until))

    @precondition(lambda self: any(each.until for each in self.active))
    @rule(which=st.integers(0, 9))
    def confirm(self, which: int) -> None:
        held = [each for each in self.active if each.until is not None]
        each = held[which % len(held)]
        stands = self.stands(each)
        body = {k: v for k, v in json.loads(each.stored.body).items() if k != "extension"}
        stored = self.attempt(self.clinic.replace(each.stored, body | {"status": "booked"}))
        assert (stored is not None) == stands
        if stored is not None:
            each.stored, each.until = stored, None

    @precondition(lambda self: any(each.until is None for each in self.active))
    @rule(which=st.integers(0, 9), slot=st.integers(0, SLOTS - 1))
    def move(self, which: int, slot: int) -> None:
        booked = [each for each in self.active if each.until is None]
        each = booked[which % len(booked)]
        blocked = slot != each.slot and self.blocked(slot)
        moved = appointment(self.slots[slot], patient=each.patient)
        stored = self.attempt(self.clinic.update(each.stored, **moved))
        assert (stored is None) == blocked
        if stored is not None:
            each.stored, each.slot = stored, slot

    @precondition(lambda self: self.active)
    @rule(which=st.integers(0, 9))
    def cancel(self, which: int) -> None:
        each = self.active.pop(which % len(self.active))
        cancelled = self.wait(self.clinic.update(each.stored, status="cancelled"))
        assert self.attempt(self.clinic.update(cancelled, status="booked")) is None

    @precondition(lambda self: any(each.until for each in self.active))
    @rule(minutes=st.sampled_from((2, 5)))
    def wait_a_while(self, minutes: int) -> None:
        self.clinic.clock.advance(timedelta(minutes=minutes))

    @precondition(lambda self: len([each for each in self.active if not self.stands(each)]) > 1)
    @rule()
    def sweep(self) -> None:
        for each in [each for each in self.active if not self.stands(each)]:
            id = each.stored.id
            expire = partial(expire_hold, desk=self.clinic.desk, store=self.clinic.store, appointment_id=id)
            self.wait(self.clinic.run(expire))
            assert self.wait(self.clinic.read("Appointment", id))["status"] == "cancelled"
            self.active.remove(each)

    @invariant()
    def every_slot_is_as_the_model_says(self) -> None:
        rows = self.wait(self.clinic.rows(select(Occupancy).where(col(Occupancy.resource) == "Practitioner/doctor")))
        now = self.clinic.clock.now()
        standing = {row.appointment_id for row in rows if row.hold_until is None or row.hold_until > now}
        assert standing == {each.stored.id for each in self.active if self.stands(each)}
        for number, slot in enumerate(self.slots):
            status = self.wait(self.clinic.read("Slot", slot.slot_id))["status"]
            if self.blocked(number):
                assert status in ("busy", "busy-tentative")

    def attempt(self, coroutine: Any) -> Stored | None:
        with suppress(Conflict):
            stored: Stored = self.wait(coroutine)
            return stored
        return None

    def teardown(self) -> None:
        """Close what is left, so that patients and practitioner are free for the next run."""
        for each in self.active:
            self.wait(self.clinic.update(each.stored, status="cancelled"))


def test_random_bookings_agree_with_the_model(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        database = SqliteDatabase(tmp_path / "telemed.sqlite3")
        runner.run(database.create_all())
        clinic = runner.run(open_clinic(database, tmp_path))
        runner.run(clinic.write(patient(), id="patient-2"))
        effort = settings(max_examples=repetitions(10), stateful_step_count=25, deadline=None)

        class Here(Bookings):
            def __init__(self) -> None:
                super().__init__(clinic, runner.get_loop())

        run_state_machine_as_test(Here, settings=effort)
        runner.run(database.close())
