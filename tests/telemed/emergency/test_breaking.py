"""Breaking the glass: one clinician, one patient, one hour, never without a fresh proof, never without being told."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from fhir import compartments
from fhir.audit_event import Log
from fhir.policy import Action
from fhir.tables import AuditRow, Restriction
from infra.caller import Caller, Role
from infra.clock import FixedClock
from infra.database import Session
from telemed.access import rule
from telemed.access.models import CareGrant
from telemed.access.rule import is_open
from telemed.access.settle import FOREVER
from telemed.console.diagnoses import ICD_10_GM
from telemed.emergency import service as emergency
from telemed.emergency.models import EmergencyAccess, EmergencyAttempt
from telemed.emergency.rules import LASTS, TRIES
from telemed.emergency.service import TASK
from telemed.identity.lifetimes import STEP_UP
from telemed.identity.models import Clinician
from telemed.notices.content import Method
from telemed.notices.message import House, message
from telemed.notices.models import Channel, Notice
from telemed.notices.service import opened
from telemed.notices.wording import words
from telemed.visits import resource
from tests.fixtures.processes import scrubbed
from tests.telemed.emergency.conftest import FAR, FORM, Far
from tests.telemed.visits.clinic import PATIENT, TENANT

ROOT = Path(__file__).parents[3]


async def test_the_record_opens_to_who_broke_the_glass_and_says_what_counts(far: Far) -> None:
    eva = await far.clinician("eva")

    answer = await eva.post("/console/emergency", data=FORM)
    page = await eva.get(answer.headers["location"])

    assert answer.status_code == 303
    assert "Musterkai&lt;script&gt;" in page.text and "Penicillin" in page.text
    assert 'action="/console/sign-out"' in page.text
    assert await far.sees(far.caller("eva"))


async def test_what_counts_is_said_with_values_units_and_words(far: Far) -> None:
    about = {"subject": {"reference": f"Patient/{PATIENT}"}}
    pressure = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Blutdruck"},
        "effectiveDateTime": "2026-06-30",
        "component": [
            {"code": {"text": "systolisch"}, "valueQuantity": {"value": 182, "unit": "mmHg"}},
            {"code": {"text": "diastolisch"}, "valueQuantity": {"value": 104, "unit": "mmHg"}},
        ],
    }
    known = {"resourceType": "Condition", "code": {"coding": [{"system": ICD_10_GM, "code": "I10.90"}]}}
    unknown = {"resourceType": "Condition", "code": {"coding": [{"system": ICD_10_GM, "code": "Q99.9"}]}}
    services, home = far.clinic.services, Caller(TENANT, "test", Role.SERVICE)
    for data in (pressure, known, unknown):
        body = resource.parsed(data | about)
        await services.database.write(lambda session, b=body: services.store.create(session, home, b) and None)  # type: ignore[misc]  # bound now
    eva = await far.clinician("eva")

    page = await eva.get((await eva.post("/console/emergency", data=FORM)).headers["location"])

    said = " ".join(re.sub(r"<[^>]+>", "", page.text).split())
    assert "Blutdruck: systolisch: 182 mmHg; diastolisch: 104 mmHg" in said
    assert "Essentielle Hypertonie" in said and "I10.90" not in said and "Q99.9" in said


async def test_without_a_fresh_proof_nothing_opens(far: Far) -> None:
    eva, services = await far.clinician("eva"), far.clinic.services
    clock = FixedClock(services.system_clock.now() + STEP_UP)
    object.__setattr__(services, "system_clock", clock)

    form = await eva.get("/console/emergency", headers={"Accept": "text/html"})
    answer = await eva.post("/console/emergency", data=FORM)

    assert (form.status_code, form.headers["location"]) == (303, "/console/step-up?next=%2Fconsole%2Femergency")
    assert answer.status_code == 403
    assert await far.rows(EmergencyAccess) == [] and not await far.sees(far.caller("eva"))


@pytest.mark.parametrize("role", ["coordinator", "receptionist", "analyst", "operator", "privacy-officer"])
async def test_who_does_not_treat_people_breaks_no_glass(far: Far, role: str) -> None:
    other = await far.clinician("ida", role=role)

    assert (await other.get("/console/emergency")).status_code == 403
    assert (await other.post("/console/emergency", data=FORM)).status_code == 403
    assert await far.rows(EmergencyAccess) == []


async def test_a_nurse_may(far: Far) -> None:
    assert (await (await far.clinician("ida", role="nurse")).post("/console/emergency", data=FORM)).status_code == 303


async def test_a_colleague_another_purpose_and_another_patient_stay_out(far: Far) -> None:
    eva, ole = await far.clinician("eva"), await far.clinician("ole")
    await far.clinic.service.services.database.write(lambda session: _another_patient(session, far))
    opened = (await eva.post("/console/emergency", data=FORM)).headers["location"]

    assert await far.sees(far.caller("eva"))
    assert not await far.sees(far.caller("ole"))
    assert not await far.sees(far.caller("eva", purpose="TREAT"))
    assert not await far.sees(far.caller("eva"), "patient-2")
    assert (await ole.get(opened)).status_code == 404
    assert (await ole.post(f"{opened}/end")).status_code == 404
    # Her own daily work goes by the other purpose: the record's own routes stay shut to her, too.
    assert (await eva.get(f"/fhir/Patient/{PATIENT}")).status_code == 404


def _another_patient(session: Session, far: Far) -> None:
    from telemed.visits import resource
    from tests.telemed.visits.clinic import PLATFORM

    other = {"resourceType": "Patient", "birthDate": "1951-03-14", "name": [{"family": "Anders"}]}
    far.clinic.services.store.create(session, PLATFORM, resource.parsed(other), id="patient-2")


async def test_without_the_name_on_the_grant_a_colleague_would_get_in(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await far.clinician("eva")).post("/console/emergency", data=FORM)
    caller, services = far.caller("ole"), far.clinic.services
    compartment, now = compartments.pseudonym(services.vault, PATIENT), services.clock.now()

    def unguarded(session: Session) -> bool:
        anybody = (CareGrant.compartment == compartment, CareGrant.tenant == caller.tenant, col(CareGrant.until) > now)
        return session.exec(select(CareGrant.id).where(*anybody)).first() is not None

    assert await services.database.read(unguarded) and not await far.sees(caller)


async def test_after_an_hour_it_is_shut_the_same_second(far: Far) -> None:
    eva, services = await far.clinician("eva"), far.clinic.services
    opened = (await eva.post("/console/emergency", data=FORM)).headers["location"]
    [access], compartment = await far.rows(EmergencyAccess), compartments.pseudonym(services.vault, PATIENT)

    async def is_open_at(moment: object) -> bool:
        return await services.database.read(
            lambda session: is_open(session, FAR, compartment=compartment, now=moment, subject="eva")  # type: ignore[arg-type]  # a moment
        )

    assert access.until - access.opened == LASTS == timedelta(minutes=60)
    assert [await is_open_at(access.until - timedelta(microseconds=1)), await is_open_at(access.until)] == [True, False]
    object.__setattr__(services, "clock", FixedClock(access.until))
    assert (await eva.get(opened)).status_code == 404


async def test_it_can_be_closed_before(far: Far) -> None:
    eva = await far.clinician("eva")
    opened = (await eva.post("/console/emergency", data=FORM)).headers["location"]

    await eva.post(f"{opened}/end")

    assert not await far.sees(far.caller("eva"))
    assert (await eva.get(opened)).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"who": "X123456788"},
        {"birth_date": "15.03.1951"},
        {"who": "nobody-there"},
        {"who": PATIENT, "birth_date": "1.1.1900"},
    ],
    ids=str,
)
async def test_a_wrong_number_and_a_wrong_date_are_told_alike_and_are_in_the_log(
    far: Far, change: dict[str, str]
) -> None:
    eva, ole = await far.clinician("eva"), await far.clinician("ole")

    unknown = await eva.post("/console/emergency", data=FORM | {"who": "Z999999999"})
    wrong = await ole.post("/console/emergency", data=FORM | change)

    bare = {text: unknown.text.replace("Z999999999", "?") for text in ("",)}[""]
    shown = wrong.text.replace((FORM | change)["who"], "?").replace((FORM | change)["birth_date"], "14.03.1951")
    assert (unknown.status_code, wrong.status_code, shown) == (404, 404, bare)
    refused = [row for row in await far.rows(AuditRow) if row.agent in ("eva", "ole") and row.outcome == "4"]
    assert [(row.purpose, row.resource_id, row.tenant) for row in refused] == [("ETREAT", None, FAR)] * 2
    assert await far.rows(Notice) == [each for each in await far.rows(Notice) if each.tenant == TENANT]


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
async def test_five_tries_in_an_hour_however_many_at_once(far: Far) -> None:
    eva = await far.clinician("eva")
    wrong = FORM | {"birth_date": "01.01.1900"}

    said = await asyncio.gather(*(eva.post("/console/emergency", data=wrong) for _ in range(TRIES + 5)))

    assert sorted(each.status_code for each in said) == [404] * TRIES + [429] * 5
    assert (await eva.post("/console/emergency", data=FORM)).status_code == 429
    assert (await (await far.clinician("ole")).post("/console/emergency", data=FORM)).status_code == 303


@pytest.mark.parametrize(
    "change",
    [{"who": ""}, {"who": "x" * 65}, {"who": "ä"}, {"birth_date": "soon"}, {"reason": "TREAT"}, {"text": "urgent"}],
    ids=str,
)
async def test_an_incomplete_form_comes_back_and_counts_as_no_try(far: Far, change: dict[str, str]) -> None:
    eva = await far.clinician("eva")

    answer = await eva.post("/console/emergency", data=FORM | change)

    assert answer.status_code == 422 and "Please fill in everything" in answer.text
    assert await far.rows(EmergencyAttempt) == []


async def test_by_the_patients_id_it_opens_too_and_twice_is_once(far: Far) -> None:
    eva = await far.clinician("eva")

    first, second = [
        (await eva.post("/console/emergency", data=FORM | {"who": who})).headers["location"]
        for who in (PATIENT, FORM["who"])
    ]

    assert first == second and len(await far.rows(EmergencyAccess)) == 1
    assert len([each for each in await far.rows(Notice) if each.tenant == FAR]) == 2


async def test_what_is_open_to_the_clinic_needs_no_broken_glass(far: Far) -> None:
    doctor = await far.clinic.clinician()

    answer = await doctor.post("/console/emergency", data=FORM, headers={"Accept-Language": "en"})

    assert (answer.status_code, "open to your clinic already" in answer.text) == (409, True)
    assert await far.rows(EmergencyAccess) == []


async def test_the_patient_and_the_privacy_officer_are_told_without_a_name_a_clinic_or_a_reason(far: Far) -> None:
    await (await far.clinician("eva")).post("/console/emergency", data=FORM)
    [access] = await far.rows(EmergencyAccess)
    http = far.clinic.service.http
    async with asyncio.timeout(20):
        address = f"/dev/outbox.json?appointment={access.id}"
        while len(found := (await http.get(address)).json()["messages"]) < 2:  # noqa: ASYNC110 - the worker's own pace
            await asyncio.sleep(0.05)

    told = {each["to"]: each for each in found}
    assert set(told) == {"karla@example.org", "pia@example.org"}
    text = "".join(each["subject"] + each["text"] for each in found)
    named = ("Musterkai", "Karla", "Nothelf", "Deich", "Hafen", "unconscious", FORM["who"], "1951", PATIENT)
    assert [word for word in named if word in text] == []
    assert all(each["attachments"] == [] and each["join_url"] is None for each in found)
    assert "112" in told["karla@example.org"]["text"]


async def test_the_officer_of_the_patients_own_clinic_is_told_too(far: Far) -> None:
    services = far.clinic.services
    officer = {"resourceType": "Practitioner", "telecom": [{"system": "email", "value": "home@example.org"}]}
    home = Caller(tenant=TENANT, subject="test", role=Role.SERVICE)

    def unit(session: Session) -> None:
        services.store.create(session, home, resource.parsed(officer), id="theirs")
        session.add(Clinician(id="theirs", tenant=TENANT, practitioner_id="theirs", role=Role.PRIVACY_OFFICER.value))

    await services.database.write(unit)
    await (await far.clinician("eva")).post("/console/emergency", data=FORM)
    [access] = await far.rows(EmergencyAccess)

    sent = [each for each in await far.rows(Notice) if each.appointment_id == access.id]
    told = await services.database.read(lambda session: [opened(session, services.vault, each) for each in sent])
    assert {(each.mail, each.method) for each in told} == {
        ("karla@example.org", Method.OPENED),
        ("pia@example.org", Method.REVIEW),
        ("home@example.org", Method.OPENED_HERE),
    }
    assert len({(each.sequence, each.channel) for each in sent}) == 3
    text = "".join(words(each, phone="0431").subject + str(words(each, phone="0431").paragraphs) for each in told)
    assert [word for word in ("Musterkai", "Nothelf", "Deich", "Hafen", "unconscious", PATIENT) if word in text] == []


async def test_a_restricted_record_is_like_none(far: Far) -> None:
    services = far.clinic.services
    kept = Restriction(
        compartment=compartments.pseudonym(services.vault, PATIENT), since=services.clock.now(), until=FOREVER
    )
    await services.database.write(lambda session: session.add(kept))

    answer = await (await far.clinician("eva")).post("/console/emergency", data=FORM)

    assert answer.status_code == 404 and await far.rows(EmergencyAccess) == []


async def test_a_patient_without_a_mail_address_gets_a_letter(far: Far) -> None:
    await far.clinic.change("Patient", PATIENT, telecom=[])
    await (await far.clinician("eva")).post("/console/emergency", data=FORM)
    [access] = await far.rows(EmergencyAccess)

    sent = [each for each in await far.rows(Notice) if each.appointment_id == access.id]
    services = far.clinic.services
    content = await services.database.read(
        lambda session: [opened(session, services.vault, each) for each in sent if each.channel == Channel.LETTER]
    )
    made = message(content[0], Channel.LETTER, house=House(services.settings.base_url, "a@b.example", "0431"))

    assert sorted(each.channel for each in sent) == ["letter", "mail"]
    assert made.attachments[0].body.startswith(b"%PDF")
    assert made.subject == "Eine Nachricht zu Ihrer Akte"


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
async def test_killed_between_grant_and_notice_there_is_neither(far: Far, database_url: str, tmp_path: Path) -> None:
    before = {table: len(await far.rows(table)) for table in (CareGrant, Notice, EmergencyAttempt)}
    arguments = ("-m", "tests.telemed.emergency.crashing", database_url, str(tmp_path))
    process = await create_subprocess_exec(sys.executable, *arguments, stdout=PIPE, cwd=ROOT, env=scrubbed())
    assert process.stdout is not None
    while (said := await process.stdout.readline()) != b"inside\n":
        assert said, "it ended by itself"

    process.kill()
    await process.wait()

    assert await far.rows(EmergencyAccess) == [] and not await far.sees(far.caller("eva"))
    assert {table: len(await far.rows(table)) for table in before} == before
    assert (await (await far.clinician("eva")).post("/console/emergency", data=FORM)).status_code == 303


async def test_every_look_is_logged_as_emergency_treatment_and_shown_to_the_patients_clinic(far: Far) -> None:
    eva = await far.clinician("eva")
    await eva.get((await eva.post("/console/emergency", data=FORM)).headers["location"])

    theirs = [row for row in await far.rows(AuditRow) if row.agent == "eva" and row.compartment]
    doctor = await far.clinic.clinician()
    page = (await doctor.get("/console/visits/appointment-1/looks", headers={"Accept-Language": "en"})).text

    assert {row.purpose for row in theirs} == {"ETREAT"}
    assert {row.action for row in theirs} >= {Action.OPERATION, Action.READ, Action.SEARCH}
    assert "Nothelf (Klinik am Deich)" in page and "in an emergency, without being part of the care before" in page
    services = far.clinic.services
    event = await services.database.read(lambda session: Log(services.vault, session, FAR).find(_event_id(theirs[0])))
    assert event is not None and event.data["purposeOfEvent"][0]["coding"][0]["code"] == "ETREAT"


def _event_id(row: AuditRow) -> str:
    from fhir.audit_lookup import PREFIX
    from fhir.ids import encode

    return PREFIX + encode(row.id)


async def test_nobody_refers_on_or_stays_by_what_was_opened_in_an_emergency(far: Far) -> None:
    await (await far.clinician("eva")).post("/console/emergency", data=FORM)
    before = [each for each in await far.rows(CareGrant) if each.subject]

    # The patient's clinic writes something that settles all grants anew.
    team = {
        "resourceType": "CareTeam",
        "status": "active",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "managingOrganization": [{"reference": f"Organization/{TENANT}"}],
    }
    system = await far.clinic.service.system(TENANT)
    assert (await system.post("/fhir/CareTeam", json=team)).status_code == 201
    theirs = await far.clinic.service.system(FAR)
    referral = {
        "resourceType": "ServiceRequest", "status": "active", "intent": "order",
        "subject": {"reference": f"Patient/{PATIENT}"}, "performer": [{"reference": f"Organization/{FAR}"}],
    }  # fmt: skip
    await theirs.post("/fhir/ServiceRequest", json=referral)

    after = [each for each in await far.rows(CareGrant) if each.tenant == FAR]
    assert [(each.id, each.until, each.subject) for each in after] == [(each.id, each.until, "eva") for each in before]


async def test_the_reason_is_sealed_under_the_patients_key(far: Far) -> None:
    await (await far.clinician("eva")).post("/console/emergency", data=FORM)
    [access] = await far.rows(EmergencyAccess)
    services = far.clinic.services

    text = await services.database.read(lambda session: emergency.reason_text(session, services, access))

    assert text == FORM["text"] and b"unconscious" not in access.body
    assert emergency.reason_binding(access).scope == f"c:{access.compartment}"
    assert access.compartment == compartments.pseudonym(services.vault, PATIENT)
    assert rule.CARE_GRANT.c.subject is not None and TASK + access.id
