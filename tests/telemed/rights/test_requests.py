"""Requests of patients in the console: answered by the privacy officer alone, with a fresh proof where it matters."""

import json

import pytest
from sqlmodel import col, select

from fhir.tables import AuditRow
from infra.clock import FixedClock
from infra.database import Session
from infra.vault import DataKey
from telemed.identity.lifetimes import STEP_UP
from telemed.mydata.requests import Kind
from telemed.signin import stepup
from tests.telemed.rights.desk import PHYSICIAN, Desk, logged
from tests.telemed.visits.clinic import PATIENT, TENANT, VIDEO, Clinic

TOUCHING = ("/console/requests/keys", "/console/requests/record", "/console/requests/anything")


@pytest.fixture
def database_kind() -> str:
    """What is asked of the database is asked of both by the rule's own tests."""
    return "sqlite"


async def test_the_officer_reads_what_is_asked_and_the_patient_reads_the_answer(desk: Desk) -> None:
    id = await desk.ask(Kind.CORRECTION)

    listed = await desk.officer.get("/console/requests")
    unsaid = await desk.answer(id, "decline")
    declined = await desk.answer(id, "decline", reason="Der Befund ist richtig.")

    assert "Das stimmt nicht." in listed.text and "Musterkai" in listed.text
    assert (unsaid.status_code, declined.status_code) == (422, 303)
    assert "Der Befund ist richtig." in (await desk.patient.get("/my/requests")).text
    assert id not in (await desk.officer.get("/console/requests")).text
    assert (await desk.answer(id, "done")).status_code == 409


@pytest.mark.parametrize("role", ["physician", "nurse", "receptionist", "coordinator", "release-board"])
async def test_nobody_else_answers(desk: Desk, role: str) -> None:
    id = await desk.ask(Kind.RESTRICTION)
    other = await desk.clinic.clinician(role=role, practitioner="nurse-9")

    answers = [await other.get("/console/requests")]
    answers += [await other.get(f"/console/requests/{id}/erasure")]
    answers += [
        await other.post(path, data={"answer": "restrict"})
        for path in (*TOUCHING, *(f"/console/requests/{id}{step}" for step in ("", "/erasure")))
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert await desk.sees(PHYSICIAN)


async def test_without_a_fresh_proof_nothing_is_answered_taken_out_or_renewed(desk: Desk) -> None:
    id, services = await desk.ask(Kind.RESTRICTION), desk.clinic.services
    doctor = await desk.clinic.clinician()
    object.__setattr__(services, "system_clock", FixedClock(services.system_clock.now() + STEP_UP))

    paths = (*TOUCHING, f"/console/requests/{id}/erasure")
    told = [await desk.answer(id, "restrict"), *[await desk.officer.post(path, data={}) for path in paths]]
    told.append(await doctor.post(f"/console/visits/{VIDEO}/record.json"))

    assert {answer.status_code for answer in told} == {403}
    assert await desk.sees(PHYSICIAN)


async def test_without_the_guard_an_old_sign_in_would_do(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    id, services = await desk.ask(Kind.RESTRICTION), desk.clinic.services
    object.__setattr__(services, "system_clock", FixedClock(services.system_clock.now() + STEP_UP))
    monkeypatch.setattr("telemed.identity.sessions.SignedIn.is_fresh", lambda *_, **__: True)

    assert stepup.require_step_up is not None
    assert (await desk.answer(id, "restrict")).status_code == 303
    assert not await desk.sees(PHYSICIAN)


async def test_a_clinician_takes_out_what_they_may_see_and_it_is_in_the_log(clinic: Clinic) -> None:
    doctor = await clinic.clinician()

    answer = await doctor.post(f"/console/visits/{VIDEO}/record.json")

    bundle = answer.json()
    assert answer.headers["content-disposition"] == 'attachment; filename="record.json"'
    assert {PATIENT, VIDEO} <= {entry["resource"]["id"] for entry in bundle["entry"]}
    assert "doctor-1" in await logged(clinic)
    desk = await clinic.clinician(role="receptionist", practitioner="nurse-9")
    assert (await desk.post(f"/console/visits/{VIDEO}/record.json")).status_code == 403


async def test_for_a_legal_claim_the_officer_takes_out_a_restricted_record_and_says_why(desk: Desk) -> None:
    await desk.restrict()
    form = {"patient": PATIENT, "why": "Klage vor dem Landgericht"}

    unsaid = await desk.officer.post("/console/requests/record", data={"patient": PATIENT})
    answer = await desk.officer.post("/console/requests/record", data=form)
    foreign = await desk.officer.post("/console/requests/record", data=form | {"patient": "nobody"})

    assert (unsaid.status_code, foreign.status_code) == (422, 404)
    assert desk.finding in {entry["resource"]["id"] for entry in answer.json()["entry"]}
    purposes = await desk.clinic.services.database.read(
        lambda session: set(session.exec(select(AuditRow.purpose).where(col(AuditRow.agent) == "nurse-1")))
    )
    assert "HLEGAL" in purposes and "Landgericht" not in json.dumps(sorted(purposes))


async def test_the_clinics_own_key_is_renewed(desk: Desk) -> None:
    def versions(session: Session) -> list[int]:
        return sorted(session.exec(select(DataKey.version).where(DataKey.scope == f"t:{TENANT}")))

    before = await desk.clinic.services.database.read(versions)
    answer = await desk.officer.post("/console/requests/keys")

    assert answer.status_code == 303
    assert await desk.clinic.services.database.read(versions) == [*before, max(before) + 1]
