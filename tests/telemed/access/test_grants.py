"""Grants follow the record: who lets in whom, until when, and who can't."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from infra.database import Database
from telemed.access.sources import AFTER_APPOINTMENT, REFERRAL_LASTS
from tests.effort import repetitions
from tests.telemed.access import world as w
from tests.telemed.access.world import NOW, Data, World

Make = Callable[..., Data]


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World.make(database, tmp_path)


async def test_a_care_team_opens_the_record_and_its_end_closes_it(world: World) -> None:
    practice, other = await w.clinic(world, "a"), await w.clinic(world, "b")
    patient = await w.patient(world, "a")
    closed = await world.sees("b", patient)

    team = await world.write("a", w.care_team(patient, practice, other))
    opened = await world.sees("b", patient)
    await world.change("a", team, w.care_team(patient, practice, other, status="inactive"))

    assert (closed, opened, await world.sees("b", patient)) == (False, True, False)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("make", [w.care_team, w.appointment, w.referral, w.consent])
async def test_each_kind_of_source_opens_and_its_deletion_closes(world: World, make: Make) -> None:
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")

    source = await world.write("a", make(patient, other))
    opened = await world.sees("b", patient)
    await world.delete("a", source)

    assert (opened, await world.sees("b", patient)) == (True, False)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("make", [w.care_team, w.appointment, w.referral, w.consent])
async def test_naming_oneself_in_a_resource_about_a_stranger_opens_nothing(world: World, make: Make) -> None:
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")

    await world.write("b", make(patient, other))

    assert not await world.sees("b", patient)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("make", "status"),
    [
        (w.appointment, "cancelled"),
        (w.appointment, "noshow"),
        (w.appointment, "proposed"),
        (w.referral, "draft"),
        (w.referral, "revoked"),
        (w.care_team, "proposed"),
        (w.consent, "proposed"),
        (w.consent, "rejected"),
    ],
)
async def test_a_source_that_is_not_in_force_opens_nothing(world: World, make: Make, status: str) -> None:
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")

    await world.write("a", make(patient, other, status=status))

    assert not await world.sees("b", patient)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("subject", [{}, {"subject": {"reference": "Group/all"}}])
async def test_a_patient_who_only_takes_part_is_not_handed_over(world: World, subject: Data) -> None:
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")
    for source in (w.care_team(patient, other, patient), w.referral(patient, other) | {"performer": []}):
        source.pop("subject")
        source.get("performer", []).extend([{"reference": other}, {"reference": patient}])
        await world.write("a", source | subject)

    assert not await world.sees("b", patient)


async def test_access_ends_the_second_the_period_ends(world: World) -> None:
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")
    end = NOW + timedelta(hours=1)
    await world.write("a", w.care_team(patient, other, period={"end": end.isoformat()}))

    world.clock.advance(timedelta(minutes=59, seconds=59))
    before = await world.sees("b", patient)
    world.clock.advance(timedelta(seconds=1))

    assert (before, await world.sees("b", patient)) == (True, False)


async def test_access_does_not_begin_before_the_period(world: World) -> None:
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")
    start = NOW + timedelta(hours=1)
    await world.write("a", w.care_team(patient, other, period={"start": start.isoformat()}))

    before = await world.sees("b", patient)
    world.clock.advance(timedelta(hours=1))

    assert (before, await world.sees("b", patient)) == (False, True)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("make", "lasts"), [(w.appointment, AFTER_APPOINTMENT), (w.referral, REFERRAL_LASTS)])
async def test_appointments_and_referrals_end_by_themselves(world: World, make: Make, lasts: timedelta) -> None:
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")
    await world.write("a", make(patient, other))

    world.clock.advance(lasts + timedelta(hours=1))

    assert not await world.sees("b", patient)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "narrower",
    [{"type": "deny"}, {"code": [{"text": "x"}]}, {"provision": [{"type": "deny"}]}, {"dataPeriod": {"end": "2020"}}],
)
async def test_a_consent_that_is_narrower_than_what_is_enforced_opens_nothing(world: World, narrower: Data) -> None:
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")

    await world.write("a", w.consent(patient, other, **narrower))

    assert not await world.sees("b", patient)


async def test_a_consent_to_statistics_opens_no_record(world: World) -> None:
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")

    await world.write("a", w.consent(patient, other, scope="research"))

    assert not await world.sees("b", patient)


async def test_whoever_was_let_in_can_refer_on_but_not_for_longer(world: World) -> None:
    specialist, laboratory = await w.clinic(world, "b"), await w.clinic(world, "c")
    patient = await w.patient(world, "a")
    team = w.care_team(patient, specialist, period={"end": (NOW + timedelta(hours=1)).isoformat()})
    await world.write("a", team)

    await world.write("b", w.referral(patient, laboratory, specialist))
    during = await world.sees("c", patient)
    world.clock.advance(timedelta(hours=1))

    assert during
    assert not await world.sees("b", patient)
    assert not await world.sees("c", patient)


async def test_withdrawing_from_one_clinic_withdraws_from_all_whom_it_let_in(world: World) -> None:
    specialist, laboratory = await w.clinic(world, "b"), await w.clinic(world, "c")
    patient = await w.patient(world, "a")
    team = await world.write("a", w.care_team(patient, specialist))
    await world.write("b", w.care_team(patient, laboratory, specialist))
    await world.write("c", w.care_team(patient, specialist))

    await world.change("a", team, w.care_team(patient, specialist, status="inactive"))

    assert not await world.sees("b", patient)
    assert not await world.sees("c", patient)


async def test_a_practitioner_and_a_role_let_in_the_clinic_that_keeps_them(world: World) -> None:
    doctor = await world.write("b", {"resourceType": "Practitioner", "name": [{"family": "Probe"}]})
    role = await world.write("c", {"resourceType": "PractitionerRole", "active": True})
    patient = await w.patient(world, "a")

    await world.write("a", w.care_team(patient, doctor, role))

    assert await world.sees("b", patient)
    assert await world.sees("c", patient)


async def test_a_clinic_keeps_reading_what_it_wrote_itself_and_nothing_else(world: World) -> None:
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")
    team = await world.write("a", w.care_team(patient, other))
    note = {"resourceType": "Communication", "status": "completed", "subject": {"reference": patient}}
    own, home = await world.write("b", note), await world.write("a", note)

    await world.delete("a", team)

    assert await world.sees("b", own)
    assert not await world.sees("b", home)
    assert await world.sees("a", own)


async def test_referring_on_at_the_moment_of_withdrawal_leaves_nothing_open(world: World) -> None:
    specialist, laboratory = await w.clinic(world, "b"), await w.clinic(world, "c")
    for _ in range(repetitions(8)):
        patient = await w.patient(world, "a")
        team = await world.write("a", w.care_team(patient, specialist))

        await asyncio.gather(
            world.change("a", team, w.care_team(patient, specialist, status="inactive")),
            world.write("b", w.referral(patient, laboratory)),
            world.write("b", w.care_team(patient, laboratory)),
        )

        assert not await world.sees("c", patient)


async def test_a_twin_that_forgets_to_ask_who_writes_lets_a_stranger_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemed.access.grants.is_open", lambda *_, **__: True)
    monkeypatch.setattr("fhir.compartments.entered", lambda compartment, **_: compartment)
    monkeypatch.setattr("telemed.access.grants.settle", lambda claims, **_: [claim.until for claim in claims])
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")

    await world.write("b", w.care_team(patient, other, await w.clinic(world, "c")))

    assert await world.sees("c", patient), "three guards stand here; without all of them the test above would be red"
