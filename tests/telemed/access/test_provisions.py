"""Consents: what each provision opens and closes, for whom, and what is never decided in favour of a look."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.database import Database
from telemed.access.provisions import TYPES_SYSTEM, lines
from tests.telemed.access import world as w
from tests.telemed.access.world import NOW, Data, World

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
Make = Callable[..., Data]


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World.make(database, tmp_path)


def of(*types: str) -> list[Data]:
    """The `class` of a provision: these resource types."""
    return [{"system": TYPES_SYSTEM, "code": type} for type in types]


def actors(*links: str) -> list[Data]:
    """The `actor` of a provision."""
    return [{"role": {"coding": [{"code": "IRCP"}]}, "reference": {"reference": link}} for link in links]


def note(patient: str) -> Data:
    """A Communication about the patient."""
    return {"resourceType": "Communication", "status": "completed", "subject": {"reference": patient}}


class Region:
    """Clinic a with a patient, whose record a CareTeam opens to clinic b; b and c keep their Organizations."""

    world: World
    b: str
    c: str
    patient: str
    note: str

    @classmethod
    async def make(cls, world: World) -> "Region":
        made = cls()
        made.world, made.b, made.c = world, await w.clinic(world, "b"), await w.clinic(world, "c")
        made.patient = await w.patient(world, "a")
        await world.write("a", w.care_team(made.patient, made.b))
        made.note = await world.write("a", note(made.patient))
        return made

    async def agrees(self, *actors: str, by: Any = "a", **provision: Any) -> str:
        """The reference of a Consent of the patient."""
        return await self.world.write(by, w.consent(self.patient, *actors, **provision))

    async def sees(self, tenant: str) -> tuple[bool, bool]:
        """Whether the clinic sees the Patient, and the note."""
        return await self.world.sees(tenant, self.patient), await self.world.sees(tenant, self.note)


async def test_a_denial_closes_what_a_care_team_opens_and_its_end_opens_it_again(world: World) -> None:
    region = await Region.make(world)
    before = await region.sees("b")

    denial = await region.agrees(region.b, type="deny")
    during = await region.sees("b")
    await world.change("a", denial, w.consent(region.patient, region.b, type="deny", status="inactive"))

    assert (before, during, await region.sees("b")) == ((True, True), (False, False), (True, True))


async def test_a_denial_holds_in_a_process_whose_clock_is_behind(world: World) -> None:
    region = await Region.make(world)
    world.clock.advance(timedelta(hours=3))
    await region.agrees(region.b, type="deny")

    world.clock.advance(-timedelta(hours=2))

    assert await region.sees("b") == (False, False)


@pytest.mark.parametrize("status", ["inactive", "entered-in-error", "proposed", "draft", "rejected"])
async def test_only_an_active_consent_counts(world: World, status: str) -> None:
    region = await Region.make(world)

    await world.write("a", w.consent(region.patient, region.b, type="deny", status=status))
    await world.write("a", w.consent(region.patient, region.c, status=status))

    assert (await region.sees("b"), await region.sees("c")) == ((True, True), (False, False))


async def test_a_denial_holds_within_its_period_alone(world: World) -> None:
    region = await Region.make(world)
    ends = (NOW + timedelta(hours=1)).isoformat()
    await region.agrees(region.b, type="deny", period={"end": ends})

    during = await region.sees("b")
    world.clock.advance(timedelta(hours=1))

    assert (during, await region.sees("b")) == ((False, False), (True, True))


async def test_a_denial_that_names_nobody_is_of_everybody_but_leaves_each_clinic_its_own(world: World) -> None:
    region = await Region.make(world)
    theirs = await world.write("b", note(region.patient))

    await region.agrees(type="deny", actor=[])

    assert await region.sees("b") == (False, False)
    assert await world.sees("b", theirs), "what a clinic documented itself it must keep (Section 630f BGB)"
    assert await region.sees("a") == (True, True)
    assert not await world.sees("a", theirs), "but the patient's own clinic sees no more of others"


async def test_a_denial_does_not_hide_itself_from_the_patients_own_clinic(world: World) -> None:
    region = await Region.make(world)

    denial = await region.agrees(type="deny", actor=[], by="b")

    assert await world.sees("a", denial)
    assert not await world.sees("c", denial)


async def test_a_denial_of_a_kind_of_resource_closes_that_kind(world: World) -> None:
    region = await Region.make(world)

    await region.agrees(region.b, type="deny", **{"class": of("Communication")})

    assert await region.sees("b") == (True, False)


async def test_a_denial_of_one_resource_closes_that_one(world: World) -> None:
    region = await Region.make(world)
    other = await world.write("a", note(region.patient))

    await region.agrees(type="deny", actor=[], data=[{"meaning": "instance", "reference": {"reference": region.note}}])

    assert await region.sees("b") == (True, False)
    assert await world.sees("b", other)


async def test_what_is_nested_in_a_permission_is_closed(world: World) -> None:
    region = await Region.make(world)

    await region.agrees(region.c, provision=[{"type": "deny", "class": of("Communication")}])

    assert await region.sees("c") == (True, False)


async def test_what_is_nested_in_a_denial_lets_in_whom_it_names(world: World) -> None:
    region = await Region.make(world)
    exception = {"type": "permit", "actor": actors(region.c), "class": of("Communication")}

    await region.agrees(type="deny", actor=[], provision=[exception])

    assert (await region.sees("b"), await region.sees("c")) == ((False, False), (False, True))


async def test_an_exception_in_another_consent_is_none(world: World) -> None:
    region = await Region.make(world)

    await region.agrees(region.b, type="deny")
    await region.agrees(region.b)

    assert await region.sees("b") == (False, False)


async def test_a_permission_for_a_part_lets_nobody_act_in_the_record(world: World) -> None:
    region = await Region.make(world)
    await region.agrees(region.c, **{"class": of("Communication")})

    written = await world.write("c", note(region.patient))
    await world.write("c", w.referral(region.patient, await w.clinic(world, "d")))

    assert await region.sees("c") == (False, True)
    assert not await world.sees("a", written), "it stands outside the record"
    assert await region.sees("d") == (False, False)


async def test_whom_a_part_is_denied_can_let_nobody_else_see_it(world: World) -> None:
    region = await Region.make(world)
    await world.write("b", w.referral(region.patient, region.c))
    before = await region.sees("c")

    await region.agrees(region.b, type="deny", **{"class": of("Communication")})

    assert (before, await region.sees("c")) == ((True, True), (False, False))


@pytest.mark.parametrize("by", ["b", "d"])
async def test_only_who_is_entitled_to_the_patient_closes_anything(world: World, by: str) -> None:
    region = await Region.make(world)

    await region.agrees(type="deny", actor=[], by=by)

    assert await region.sees("b") == ((False, False) if by == "b" else (True, True))


UNDECIDED: list[Data] = [
    {"code": [{"text": "x"}]},
    {"securityLabel": [{"code": "R"}]},
    {"dataPeriod": {"end": "2020"}},
    {"class": [{"system": "urn:ietf:rfc:3986", "code": "http://example.org/document"}]},
    {"data": [{"meaning": "dependents", "reference": {"reference": "Encounter/1"}}]},
    {"period": {"start": "tomorrow"}},
]


@pytest.mark.parametrize("narrower", UNDECIDED)
async def test_what_cant_be_decided_opens_nothing_and_closes_all(world: World, narrower: Data) -> None:
    region = await Region.make(world)

    await region.agrees(region.c, **narrower)
    opened = await region.sees("c")
    await region.agrees(region.b, type="deny", **narrower)

    assert (opened, await region.sees("b")) == ((False, False), (False, False))


@pytest.mark.parametrize("actor", ["Organization/absent", "https://elsewhere.example/Organization/1", "CareTeam/1", ""])
async def test_a_denial_of_somebody_unknown_is_one_of_everybody(world: World, actor: str) -> None:
    region = await Region.make(world)
    named = actors(actor) if actor else [{"role": {"text": "x"}, "reference": {"display": "the practice next door"}}]

    await region.agrees(type="deny", actor=named)

    assert await region.sees("b") == (False, False)


async def test_a_denial_of_research_alone_closes_nothing_to_care(world: World) -> None:
    region = await Region.make(world)
    system = "http://terminology.hl7.org/CodeSystem/v3-ActReason"

    await region.agrees(type="deny", actor=[], purpose=[{"system": system, "code": "HRESCH"}])
    await region.agrees(region.c, purpose=[{"system": system, "code": "HRESCH"}])

    assert (await region.sees("b"), await region.sees("c")) == ((True, True), (False, False))


@pytest.mark.parametrize("inner", UNDECIDED)
def test_an_undecided_permission_is_no_exception_to_a_denial(inner: Data, database_kind: str) -> None:
    nested = {"type": "permit", "provision": [{"type": "permit", "class": of("Observation")}]} | inner

    found = lines(w.consent("Patient/1", type="deny", actor=[], provision=[nested]), now=NOW)

    assert [line.permits for line in found] == [False]


def test_a_consent_with_more_provisions_than_are_read_denies_all(database_kind: str) -> None:
    many = [{"type": "permit", "class": of("Observation")}] * 600

    found = lines(w.consent("Patient/1", "Organization/1", provision=many), now=NOW)

    assert [(line.permits, line.actors, line.types) for line in found] == [(False, None, None)]


def test_a_consent_nested_deeper_than_is_read_denies_what_lies_below(database_kind: str) -> None:
    nested: Data = {"type": "permit"}
    for _ in range(40):
        nested = {"type": "permit", "provision": [nested]}

    found = lines(w.consent("Patient/1", "Organization/1", provision=[nested]), now=NOW)

    assert not found[-1].permits
    assert found[-1].types is None
