"""Restriction of processing: kept and nothing else, from the next request on, for everybody but whom Art. 18 (2) names."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import false
from sqlmodel import select

from fhir.reader import Reader
from fhir.tables import AuditRow, Restriction
from infra.caller import Caller, Role
from infra.database import Session
from telemed.access import rule
from telemed.access.policy import RecordRestricted
from telemed.access.settle import FOREVER
from telemed.mydata.record import own_caller, own_store
from telemed.mydata.requests import Kind
from telemed.notices.models import Channel, Notice
from telemed.notices.service import opened
from telemed.rights.restriction import ANNOUNCED, forget_ended
from telemed.visits import resource
from tests.telemed.mydata.letters import patient_of
from tests.telemed.rights.desk import PHYSICIAN, SYSTEM, Desk, desk_of, finding, logged
from tests.telemed.visits.clinic import PATIENT, PLATFORM, TENANT, VIDEO, Clinic

OTHER = "clinic-other"
THERE = Caller(OTHER, "system", Role.SYSTEM, frozenset({"system/*.cruds"}))


async def test_what_is_restricted_is_seen_by_nobody_who_works_with_it_and_by_the_patient(desk: Desk) -> None:
    assert await desk.sees(SYSTEM) and await desk.sees(PHYSICIAN)

    await desk.restrict()

    assert not await desk.sees(SYSTEM) and not await desk.sees(PHYSICIAN)
    assert not await desk.sees(PHYSICIAN, type="Patient", id=PATIENT)
    assert await desk.sees(PLATFORM)  # it stores
    patient = patient_of(desk.clinic.services)
    assert await desk.sees(own_caller(patient), store=own_store(desk.clinic.services, patient))
    assert "nurse-1" in await logged(desk.clinic)


async def test_nothing_new_is_written_into_it_or_beside_it(desk: Desk) -> None:
    await desk.restrict()
    services = desk.clinic.services

    with pytest.raises(RecordRestricted):
        await services.database.write(lambda s: services.store.create(s, SYSTEM, resource.parsed(finding())))


async def test_a_bundle_leads_nothing_into_it_either(desk: Desk) -> None:
    await desk.restrict()
    http = await desk.clinic.service.system(TENANT)
    entry = {"resource": finding(), "request": {"method": "POST", "url": "Observation"}}
    both = {"resourceType": "Bundle", "type": "transaction", "entry": [entry, entry]}

    refused = await http.post("/fhir", content=json.dumps(both))
    single = await http.post("/fhir/Observation", content=json.dumps(finding()))

    assert (refused.status_code, single.status_code) == (409, 409)
    assert "Art. 18" in refused.text and "Art. 18" in single.text


async def test_without_the_restriction_in_the_rule_everybody_would_go_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.restrict()
    services = desk.clinic.services
    monkeypatch.setattr(rule, "_restriction", lambda *_: false())
    monkeypatch.setattr("telemed.access.policy.holds", lambda *_, **__: True)
    services.store.policy._permit.cache_clear()  # type: ignore[attr-defined]  # permits were made with the rule as it was
    services.store.policy._known.cache_clear()  # type: ignore[attr-defined]  # as above

    assert await desk.sees(SYSTEM)


async def test_it_is_refused_while_an_appointment_is_ahead(clinic: Clinic) -> None:
    desk = await desk_of(clinic)
    start = clinic.services.clock.now() + timedelta(hours=2)
    body = await clinic.read("Appointment", VIDEO)
    moved = body | {"status": "booked", "start": start.isoformat(), "end": (start + timedelta(minutes=20)).isoformat()}
    del moved["id"]
    await clinic.services.database.write(
        lambda session: clinic.services.store.create(session, PLATFORM, resource.parsed(moved))
    )
    answer = await desk.answer(await desk.ask(Kind.RESTRICTION), "restrict")

    assert (answer.status_code, "has an appointment" in answer.text) == (409, True)
    assert await desk.sees(PHYSICIAN)


async def test_the_end_is_announced_to_the_patient_a_week_before(desk: Desk) -> None:
    id, before = await desk.restrict(), desk.clinic.services.clock.now()

    answer = await desk.answer(id, "end")

    kept = await restriction_of(desk)
    assert answer.status_code == 303 and before + ANNOUNCED <= kept.until
    assert not await desk.sees(SYSTEM)
    assert sorted(await notices(desk)) == ["RESTRICTED", "UNRESTRICTED"]
    assert (await desk.answer(id, "end")).status_code == 409
    await ended(desk)
    assert await desk.sees(SYSTEM) and await desk.sees(PHYSICIAN)


async def test_the_patient_reads_since_when_it_holds_and_when_it_ends(desk: Desk) -> None:
    async def said() -> str:
        return (await desk.patient.get("/my/requests", headers={"Accept-Language": "en"})).text

    before, id = await said(), await desk.restrict()
    holds = await said()
    await desk.answer(id, "end")
    ends = await said()

    assert "Nobody works with your record" not in before
    assert "Nobody works with your record since" in holds and "You hear from the clinic before" in holds
    assert "It is used again from" in ends and "You do not agree?" in ends


async def test_an_end_that_was_announced_stays_in_the_officers_list_and_can_be_taken_back(desk: Desk) -> None:
    id = await desk.restrict()
    asked = await desk.officer.get("/console/requests", headers={"Accept-Language": "en"})
    await desk.answer(id, "end")
    listed = await desk.officer.get("/console/requests", headers={"Accept-Language": "en"})

    kept = await desk.officer.post("/console/requests/restriction", data={"change": "keep", "patient": PATIENT})
    again = await desk.officer.post("/console/requests/restriction", data={"change": "keep", "patient": PATIENT})

    assert "Records that nobody works with" not in asked.text
    assert "Records that nobody works with" in listed.text and "It ends on" in listed.text
    assert (kept.status_code, again.status_code) == (303, 409)
    assert (await restriction_of(desk)).until == FOREVER and not await desk.sees(SYSTEM)
    assert sorted(await notices(desk)) == ["RESTRICTED", "RESTRICTED", "UNRESTRICTED"]
    ended_anew = await desk.officer.post("/console/requests/restriction", data={"change": "end", "patient": PATIENT})
    assert ended_anew.status_code == 303 and (await restriction_of(desk)).until < FOREVER


async def test_another_clinics_officer_neither_sees_nor_changes_a_restriction(desk: Desk) -> None:
    await desk.answer(await desk.restrict(), "end")
    link = await desk.clinic.service.sign_in_link(OTHER, role="privacy-officer", practitioner="far-1")
    far = desk.clinic.service.browser()
    await far.get(link)
    far.headers["Sec-Fetch-Site"] = "same-origin"

    listed = await far.get("/console/requests")
    tried = await far.post("/console/requests/restriction", data={"change": "keep", "patient": PATIENT})

    assert PATIENT not in listed.text and tried.status_code == 404
    assert (await restriction_of(desk)).until < FOREVER


async def test_what_the_officer_does_at_a_patients_word_is_logged_so(desk: Desk) -> None:
    await desk.restrict()

    wanted = select(AuditRow).where(AuditRow.compartment == desk.compartment, AuditRow.role == "privacy-officer")
    rows = await desk.clinic.services.database.read(lambda session: list(session.exec(wanted).all()))

    assert rows and {row.purpose for row in rows} == {"PATRQT"}
    told = (await desk.patient.get("/my/looks", headers={"Accept-Language": "en"})).text
    assert "The data protection officer" in told and "privacy-officer" not in told


async def test_the_patient_takes_it_back_and_it_ends_at_once(desk: Desk) -> None:
    id = await desk.restrict()

    await desk.patient.post("/my/requests", data={"action": "take_back", "request": id})

    assert await desk.sees(SYSTEM) and await notices(desk) == ["RESTRICTED"]


async def test_a_consent_given_since_lets_a_clinic_in_and_one_given_before_does_not(desk: Desk) -> None:
    services = desk.clinic.services
    house = resource.parsed({"resourceType": "Organization", "name": "Praxis nebenan"})
    await services.database.write(lambda session: services.store.create(session, THERE, house, id=OTHER))
    allow = {"action": "allow", "clinic": OTHER, "lasts": "open"}
    await desk.patient.post("/my/consents", data=allow)
    assert await desk.sees(THERE)

    await desk.restrict()
    before = await desk.sees(THERE)
    await desk.patient.post("/my/consents", data=allow)

    assert (before, await desk.sees(THERE), await desk.sees(SYSTEM)) == (False, True, False)


async def test_statistics_leave_the_person_out(desk: Desk) -> None:
    reader = Reader(desk.clinic.services.vault)

    def people(session: Session) -> int:
        return len(list(reader.rows(session, ["Observation"], at=datetime.max.replace(tzinfo=UTC))))

    before = await desk.clinic.services.database.read(people)
    await desk.restrict()

    assert (before, await desk.clinic.services.database.read(people)) == (1, 0)


async def test_what_is_over_is_forgotten_and_what_holds_is_not(desk: Desk) -> None:
    await desk.restrict()
    services = desk.clinic.services
    await services.database.write(lambda session: forget_ended(session, now=services.clock.now()))
    assert not await desk.sees(SYSTEM)

    await ended(desk)
    await services.database.write(lambda session: forget_ended(session, now=services.clock.now()))

    assert await services.database.read(lambda session: list(session.exec(select(Restriction)))) == []


async def restriction_of(desk: Desk) -> Restriction:
    """The row of the patient's restriction."""
    found = await desk.clinic.services.database.read(lambda session: session.get(Restriction, desk.compartment))
    assert found is not None
    return found


async def ended(desk: Desk) -> None:
    """Nothing; the week is over."""
    now = desk.clinic.services.clock.now()

    def unit(session: Session) -> None:
        found = session.get(Restriction, desk.compartment)
        assert found is not None
        found.until = now
        session.add(found)

    await desk.clinic.services.database.write(unit)


async def notices(desk: Desk) -> list[str]:
    """What the patient was told of the record, beside appointments."""
    vault = desk.clinic.services.vault

    def unit(session: Session) -> list[str]:
        mails = session.exec(select(Notice).where(Notice.channel == Channel.MAIL))
        found = [opened(session, vault, each) for each in mails]
        return [str(each.method) for each in found if not each.method.is_appointment]

    return await desk.clinic.services.database.read(unit)
