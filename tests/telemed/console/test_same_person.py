"""The console's page about who else a patient is: proposals with yes and no, and what is joined."""

from functools import partial
from typing import Any

import httpx
import pytest

from infra.caller import Caller, Role
from infra.database import Session
from telemed.persons import linking, merging
from telemed.visits import resource
from tests.telemed.visits.clinic import BORN, PATIENT, TENANT, VIDEO, Clinic

PAGE = f"/console/visits/{VIDEO}/person"
TWIN = {
    "resourceType": "Patient",
    "name": [{"given": ["Karla"], "family": "Musterkai<script>"}],
    "birthDate": BORN.isoformat(),
}
ELSEWHERE = Caller("clinic-b", "desk-b", Role.RECEPTIONIST, frozenset({"user/*.cruds"}))


async def write(clinic: Clinic, tenant: str, data: dict[str, Any], id: str) -> None:
    store, caller = clinic.services.store, Caller(tenant, "test", Role.SERVICE)
    unit = partial(store.create, caller=caller, parsed=resource.parsed(data), id=id)
    await clinic.services.database.write(unit)


async def other_clinic(clinic: Clinic) -> None:
    """Clinic B, which keeps the same person."""
    await write(clinic, "clinic-b", {"resourceType": "Organization", "name": "Praxis Nebenan"}, "clinic-b")
    await write(clinic, "clinic-b", TWIN, "patient-b")


async def said(clinic: Clinic) -> linking.Said:
    """What clinic B hears that says its patient is clinic A's, too."""

    def unit(session: Session) -> linking.Said:
        store = clinic.services.store
        return linking.link(session, store, ELSEWHERE, patient_id="patient-b", organization=TENANT)

    return await clinic.services.database.write(unit)


async def decided(desk: httpx.AsyncClient, action: str, other: str) -> str:
    """The page after a decision."""
    answer = await desk.post(PAGE, data={"action": action, "other": other})
    assert answer.status_code == 303, answer.text
    return (await desk.get(PAGE)).text


@pytest.mark.parametrize("role", ["physician", "receptionist"])
async def test_a_second_record_is_proposed_joined_and_taken_apart(clinic: Clinic, role: str) -> None:
    await write(clinic, TENANT, TWIN, "twin")
    desk = await clinic.clinician(role=role)
    before = await clinic.read("Patient", "twin")

    proposed = (await desk.get(PAGE)).text
    joined = await decided(desk, "same", "patient/twin")
    merged = await clinic.read("Patient", "twin")
    apart = await decided(desk, "apart", "patient/twin")

    assert "Eine zweite Akte dieser Praxis: Karla Musterkai&lt;script&gt;" in proposed
    assert "Zusammengelegt mit Karla" in joined and "Eine zweite Akte" not in joined
    assert merged["link"][0]["other"]["reference"] == f"Patient/{PATIENT}"
    assert "Eine zweite Akte" in apart and "Nichts verbunden" in apart
    assert (await clinic.read("Patient", "twin")) | {"meta": 0} == before | {"meta": 0}


async def test_what_is_somebody_else_is_not_proposed_again(clinic: Clinic) -> None:
    await write(clinic, TENANT, TWIN, "twin")
    desk = await clinic.clinician()

    assert "Eine zweite Akte" in (await desk.get(f"/console/visits/{VIDEO}")).text
    assert "Nichts zu entscheiden" in await decided(desk, "different", "patient/twin")
    assert "Eine zweite Akte" not in (await desk.get(f"/console/visits/{VIDEO}")).text


async def test_a_clinic_that_asks_is_named_and_answered(clinic: Clinic) -> None:
    await other_clinic(clinic)
    desk = await clinic.clinician()
    before = (await desk.get(PAGE)).text
    await said(clinic)

    asked = (await desk.get(PAGE)).text
    joined = await decided(desk, "same", "clinic/clinic-b")
    apart = await decided(desk, "apart", "clinic/clinic-b")

    assert "Nichts zu entscheiden" in before
    assert "Praxis Nebenan fragt, ob" in asked
    assert "Auch in Behandlung bei: Praxis Nebenan" in joined
    assert "Nichts verbunden" in apart


async def test_asking_shows_nothing_until_the_other_clinic_has_said_so_too(clinic: Clinic) -> None:
    await other_clinic(clinic)
    desk = await clinic.clinician()

    asked = await decided(desk, "same", "clinic/clinic-b")
    answer = await said(clinic)

    assert "Nichts verbunden" in asked
    assert answer is linking.Said.LINKED
    assert "Auch in Behandlung bei: Praxis Nebenan" in (await desk.get(PAGE)).text


async def test_a_refused_question_is_gone_and_the_asker_does_not_learn_of_it(clinic: Clinic) -> None:
    await other_clinic(clinic)
    desk = await clinic.clinician()
    await said(clinic)

    assert "Nichts zu entscheiden" in await decided(desk, "different", "clinic/clinic-b")
    assert await said(clinic) is linking.Said.ASKED


async def test_who_looked_says_the_steps_in_words(clinic: Clinic) -> None:
    await other_clinic(clinic)
    await write(clinic, TENANT, TWIN, "twin")
    desk = await clinic.clinician()
    for action, other in (("same", "patient/twin"), ("same", "clinic/clinic-b"), ("apart", "patient/twin")):
        await decided(desk, action, other)

    looks = (await desk.get(f"/console/visits/{VIDEO}/looks")).text

    for words in ("zusammengelegt", "Praxis getrennt", "hat eine andere Praxis gefragt"):
        assert words in looks
    assert "Dr. Wiebke Testfeld" in looks


async def test_a_nurse_sees_no_proposals_and_decides_nothing(clinic: Clinic) -> None:
    await write(clinic, TENANT, TWIN, "twin")
    nurse = await clinic.clinician(role="nurse", practitioner="nurse-1")

    assert "Eine zweite Akte" not in (await nurse.get(f"/console/visits/{VIDEO}")).text
    assert (await nurse.get(PAGE)).status_code == 403
    for action, other in (("same", "patient/twin"), ("apart", "patient/twin"), ("same", "clinic/clinic-b")):
        assert (await nurse.post(PAGE, data={"action": action, "other": other})).status_code in (403, 404)
    assert "link" not in await clinic.read("Patient", "twin")


async def test_another_clinic_and_another_site_are_refused(clinic: Clinic) -> None:
    stranger = clinic.service.browser()
    await stranger.get(await clinic.service.sign_in_link("clinic-b", practitioner="doctor-b"))
    desk = await clinic.clinician()
    desk.headers["Sec-Fetch-Site"] = "cross-site"

    assert (await stranger.get(PAGE)).status_code == 404
    assert (await desk.post(PAGE, data={"action": "same", "other": "patient/twin"})).status_code == 403


@pytest.mark.parametrize("form", [{}, {"action": "same", "other": "x/y"}, {"action": "same", "other": "patient/a/b/c"}])
async def test_what_is_no_decision_is_a_404(clinic: Clinic, form: dict[str, str]) -> None:
    assert (await (await clinic.clinician()).post(PAGE, data=form)).status_code == 404


async def test_a_decision_that_no_longer_fits_says_so(clinic: Clinic) -> None:
    await write(clinic, TENANT, TWIN, "twin")
    desk = await clinic.clinician()
    await decided(desk, "same", "patient/twin")

    answer = await desk.post(PAGE, data={"action": "same", "other": "patient/twin"})

    assert answer.status_code == 409 and "inzwischen geändert" in answer.text


async def test_the_desk_opens_the_question_and_not_the_record(clinic: Clinic) -> None:
    desk = await clinic.clinician(role="receptionist", practitioner="desk-1")

    today = (await desk.get("/console")).text

    assert f'href="{PAGE}"' in today and f'href="/console/visits/{VIDEO}"' not in today


async def test_the_chart_shows_what_was_written_under_the_replaced_record(clinic: Clinic) -> None:
    await write(clinic, TENANT, TWIN, "twin")
    await write(clinic, TENANT, {**TWIN, "name": [{"family": "Älter"}]}, "older")
    condition = {
        "resourceType": "Condition",
        "code": {"text": "Heuschnupfen"},
        "subject": {"reference": "Patient/older"},
        "recordedDate": "2026-01-02",
    }
    await write(clinic, TENANT, condition, "hay-fever")
    desk, store = await clinic.clinician(), clinic.services.store
    before = (await desk.get(f"/console/visits/{VIDEO}")).text

    me = Caller(TENANT, "test", Role.SERVICE)
    for source, target in (("older", "twin"), ("twin", PATIENT)):
        unit = partial(merging.merge, store=store, caller=me, source_id=source, target_id=target)
        await clinic.services.database.write(unit)

    assert "Heuschnupfen" not in before
    assert "Heuschnupfen" in (await desk.get(f"/console/visits/{VIDEO}")).text
