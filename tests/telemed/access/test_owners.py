"""An entry of the directory or the calendar stands under what its own clinic keeps, and lets in that clinic alone."""

from pathlib import Path

import pytest

from infra.database import Database
from infra.problems import Unprocessable
from telemed.access.owners import OWNING, ColleagueElsewhere, OwnedElsewhere
from tests.telemed.access import world as w
from tests.telemed.access.world import Data, World
from tests.telemed.service import Service

SLOT = {"status": "free", "start": "2026-03-03T09:00:00Z", "end": "2026-03-03T09:20:00Z"}


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World.make(database, tmp_path)


def entry(type: str, owner: str, **more: object) -> Data:
    """An entry of this type that stands under the owner."""
    link = {"reference": owner}
    return {"resourceType": type, OWNING[type]: [link] if type == "Schedule" else link} | more


async def doctor(world: World, tenant: str) -> str:
    return await world.write(tenant, {"resourceType": "Practitioner", "name": [{"family": "Probe"}]})


async def owned(world: World, tenant: str) -> dict[str, Data]:
    """One entry of each type that stands under something of this clinic."""
    practice, one = await w.clinic(world, tenant), await doctor(world, tenant)
    schedule = await world.write(tenant, entry("Schedule", one))
    named = {"name": "Praxis"}
    return {
        "PractitionerRole": entry("PractitionerRole", practice, practitioner={"reference": one}),
        "HealthcareService": entry("HealthcareService", practice, **named),
        "Location": entry("Location", practice, **named),
        "Organization": entry("Organization", practice, **named),
        "Schedule": entry("Schedule", one),
        "Slot": entry("Slot", schedule, **SLOT),
    }


@pytest.mark.parametrize("type", OWNING)
async def test_an_entry_under_another_clinics_is_refused_and_under_ones_own_is_not(world: World, type: str) -> None:
    entries = await owned(world, "a")

    with pytest.raises(OwnedElsewhere) as refused:
        await world.write("b", entries[type])
    kept = await world.write("a", entries[type])

    assert [issue.expression for issue in refused.value.issues] == [(f"{type}.{OWNING[type]}",)]
    assert await world.sees("a", kept)


@pytest.mark.parametrize("type", OWNING)
async def test_nor_can_an_entry_be_moved_there(world: World, type: str) -> None:
    theirs, mine = await owned(world, "a"), await owned(world, "b")
    reference = await world.write("b", mine[type])

    with pytest.raises(OwnedElsewhere):
        await world.change("b", reference, theirs[type])


async def test_a_doctor_works_in_two_clinics_each_of_which_keeps_a_role(world: World) -> None:
    second, one = await w.clinic(world, "b"), await doctor(world, "a")
    role = entry("PractitionerRole", second, practitioner={"reference": one})

    kept = await world.write("b", role)
    schedule = await world.write("b", entry("Schedule", kept))

    assert await world.sees("a", schedule)
    with pytest.raises(ColleagueElsewhere):
        await world.write("b", {name: value for name, value in role.items() if name != "organization"})
    with pytest.raises(ColleagueElsewhere):
        await world.write("b", role | {"organization": {"reference": "Organization/nowhere"}})


async def test_what_a_clinic_deleted_is_still_its_own(world: World) -> None:
    practice = await w.clinic(world, "a")
    await world.delete("a", practice)

    with pytest.raises(OwnedElsewhere):
        await world.write("b", entry("Location", practice))


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_refusal_does_not_tell_whether_a_patient_exists(world: World) -> None:
    stranger = await w.patient(world, "a")

    for actor in (stranger, "Patient/nobody"):
        assert await world.write("b", entry("Schedule", actor))


async def test_a_role_of_another_clinic_that_passes_for_ones_own_lets_nobody_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries, patient = await owned(world, "a"), await w.patient(world, "a")
    with monkeypatch.context() as patched:
        # As where it was written before its owner, or before entries were checked.
        patched.setattr("telemed.access.owners._keepers", lambda *_: {})
        planted = [
            await world.write("b", entries[type]) for type in ("PractitionerRole", "HealthcareService", "Location")
        ]

    await world.write("a", w.referral(patient, *planted))

    assert not await world.sees("b", patient)


async def test_a_twin_that_asks_only_who_keeps_the_role_lets_them_in(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telemed.access.owners._keepers", lambda *_: {})
    entries, patient = await owned(world, "a"), await w.patient(world, "a")

    await world.write("a", w.referral(patient, await world.write("b", entries["PractitionerRole"])))

    assert await world.sees("b", patient), "without the two guards the tests above would be red"


async def test_ones_own_role_lets_its_clinic_in(world: World) -> None:
    second, one, patient = await w.clinic(world, "b"), await doctor(world, "a"), await w.patient(world, "a")
    role = await world.write("b", entry("PractitionerRole", second, practitioner={"reference": one}))

    await world.write("a", w.referral(patient, role))

    assert await world.sees("b", patient)


def test_each_problem_is_the_clients_to_mend() -> None:
    assert {problem.status for problem in (OwnedElsewhere, ColleagueElsewhere)} == {Unprocessable.status}


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_system_reads_what_is_wrong_and_where(service: Service) -> None:
    first, second = await service.system("a"), await service.system("b")
    practice = (await first.post("/fhir/Organization", json={"resourceType": "Organization", "name": "a"})).json()["id"]

    answer = await second.post("/fhir/Location", json=entry("Location", f"Organization/{practice}", name="Raum"))

    issue = answer.json()["issue"][0]
    assert (answer.status_code, issue["code"], issue["expression"]) == (
        422,
        "business-rule",
        ["Location.managingOrganization"],
    )
    assert issue["diagnostics"] == OwnedElsewhere.__doc__


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_in_a_transaction_the_role_may_stand_before_its_organization(service: Service) -> None:
    first, second = await service.system("a"), await service.system("b")
    one = (await first.post("/fhir/Practitioner", json={"resourceType": "Practitioner"})).json()["id"]
    role = entry(
        "PractitionerRole",
        "urn:uuid:6f1b1a52-8a0e-4b39-9a51-111111111111",
        practitioner={"reference": f"Practitioner/{one}"},
    )
    house = {"resourceType": "Organization", "name": "b"}
    entries = [
        {"fullUrl": f"urn:uuid:{name}", "resource": body, "request": {"method": "POST", "url": body["resourceType"]}}
        for name, body in (
            ("6f1b1a52-8a0e-4b39-9a51-222222222222", role),
            ("6f1b1a52-8a0e-4b39-9a51-111111111111", house),
        )
    ]

    answer = await second.post("/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})

    assert answer.status_code == 200, answer.text
