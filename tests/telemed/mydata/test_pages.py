"""Who looked, requests and export, as the patient reads them."""

import json
import re

import pytest
from fpdf import FPDF

from fhir.rules import validate
from telemed.mydata.requests import MOST_OPEN
from telemed.rights import records
from telemed.visits import resource
from tests.telemed.mydata.letters import inside
from tests.telemed.mydata.test_consents import log_of
from tests.telemed.mydata.test_record import observation, two_patients
from tests.telemed.pages.test_pages import PAGE_BUDGET, Page, name_of, packed
from tests.telemed.visits.clinic import DOCTOR, PATIENT, PLATFORM, TENANT, VIDEO, Clinic
from tests.telemed.visits.records import found

PAGES = ("/my", "/my/consents", "/my/apps", "/my/looks?own=yes", "/my/requests", "/my/record", "/my/erasure")


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


async def test_a_look_of_the_clinic_is_told_with_role_clinic_and_reason_and_without_a_name(clinic: Clinic) -> None:
    doctor, http = await clinic.clinician(), await inside(clinic)
    await doctor.get(f"/console/visits/{VIDEO}")

    told = (await http.get("/my/looks")).text

    line = next(line for line in re.findall(r"<li>.*?</li>", told, re.DOTALL) if "Ärztin oder ein Arzt" in line)
    assert "Praxis am Hafen" in line and "hat gelesen" in line and "für Ihre Behandlung" in line
    assert "Testfeld" not in told and DOCTOR not in told and "Namen von Personen stehen hier nicht" in told


async def test_where_the_house_wants_it_the_name_is_told(clinic: Clinic) -> None:
    services = clinic.services
    object.__setattr__(services, "settings", services.settings.model_copy(update={"patients_see_names": True}))
    doctor, http = await clinic.clinician(), await inside(clinic)
    await doctor.get(f"/console/visits/{VIDEO}")

    told = (await http.get("/my/looks")).text

    assert "Dr. Wiebke Testfeld, Eine Ärztin oder ein Arzt" in told and "Namen von Personen" not in told


async def test_a_refused_look_of_another_clinic_is_told_as_refused(clinic: Clinic) -> None:
    http, stranger = await inside(clinic), await clinic.service.system("clinic-x")
    assert (await stranger.get(f"/fhir/Patient/{PATIENT}")).status_code == 404

    assert "(wurde abgelehnt)" in (await http.get("/my/looks")).text


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
async def test_looks_of_a_clinic_that_was_let_in_are_told_too(clinic: Clinic) -> None:
    http, other, services = await inside(clinic), PLATFORM._replace(tenant="clinic-b"), clinic.services
    house = resource.parsed({"resourceType": "Organization", "name": "Praxis nebenan"})
    await services.database.write(lambda session: services.store.create(session, other, house, id="clinic-b"))
    await http.post("/my/consents", data={"action": "allow", "clinic": "clinic-b", "lasts": "open"})
    system = await clinic.service.system("clinic-b")

    assert (await system.get(f"/fhir/Patient/{PATIENT}")).status_code == 200
    assert (await system.get("/fhir/Patient?birthdate=1951-03-14")).json()["total"] == 1

    told = [
        line for line in re.findall(r"<li>.*?</li>", (await http.get("/my/looks")).text, re.DOTALL) if "nebenan" in line
    ]
    assert [("hat gelesen" in line, "bei einer Suche gefunden" in line) for line in told] == [
        (False, True),
        (True, False),
    ]


async def test_a_search_that_found_the_patient_among_others_is_told_as_one(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    http, system = await inside(clinic), await clinic.service.system(TENANT)
    search = "/fhir/Patient?birthdate=1951-03-14"
    monkeypatch.setattr("fhir.audit.seen", lambda _: frozenset())
    assert (await system.get(search)).json()["total"] == 1
    untold = (await http.get("/my/looks")).text
    monkeypatch.undo()

    assert (await system.get(search)).json()["total"] == 1
    told = (await http.get("/my/looks")).text
    await system.get(f"/fhir/Observation?patient={PATIENT}")
    named = (await http.get("/my/looks")).text

    assert "bei einer Suche gefunden" not in untold and "hat durchgesehen" not in untold
    line = next(line for line in re.findall(r"<li>.*?</li>", told, re.DOTALL) if "bei einer Suche gefunden" in line)
    assert "Praxis am Hafen" in line and "hat durchgesehen" not in told
    assert "hat durchgesehen" in named


async def test_own_looks_are_shown_on_request_and_looking_at_the_list_is_a_look(clinic: Clinic) -> None:
    http = await inside(clinic)
    await http.get("/my/looks")

    without, with_own = (await http.get("/my/looks")).text, (await http.get("/my/looks?own=yes")).text

    assert "Sie selbst" not in without and "Sie selbst" in with_own and "weil Sie es wollten" in with_own


async def test_a_request_is_a_task_for_the_clinic_whose_status_the_patient_sees(clinic: Clinic) -> None:
    http = await inside(clinic)
    said = {"action": "ask", "kind": "correction", "text": "Das Datum <b>stimmt</b> nicht."}
    assert (await http.post("/my/requests", data=said)).headers["location"] == "/my/requests?done=asked"
    [task] = await found(clinic, "Task")
    validate(resource.parsed(task))

    reason = {"text": "Das Datum ist jetzt berichtigt."}
    await clinic.change("Task", task["id"], status="completed", statusReason=reason)
    told = (await http.get("/my/requests")).text

    assert task["owner"] == {"reference": f"Organization/{TENANT}"} and task["status"] == "requested"
    assert "erledigt" in told and "Das Datum ist jetzt berichtigt." in told and "Zurücknehmen" not in told
    assert "Das Datum &lt;b&gt;stimmt&lt;/b&gt; nicht." in told


async def test_the_clinic_finds_the_request_beside_the_call(clinic: Clinic) -> None:
    http, doctor = await inside(clinic), await clinic.clinician()
    await http.post("/my/requests", data={"action": "ask", "kind": "restriction", "text": ""})

    assert "bittet um Einschränkung" in (await doctor.get(f"/console/visits/{VIDEO}")).text


async def test_a_request_can_be_taken_back_until_it_is_answered(clinic: Clinic) -> None:
    http = await inside(clinic)
    await http.post("/my/requests", data={"action": "ask", "kind": "erasure"})
    [task] = await found(clinic, "Task")
    taken = {"action": "take_back", "request": task["id"]}

    answers = [await http.post("/my/requests", data=taken) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 409]
    assert (await found(clinic, "Task"))[0]["status"] == "cancelled"


async def test_a_correction_needs_words_and_what_was_typed_stays(clinic: Clinic) -> None:
    http = await inside(clinic)
    for _ in range(MOST_OPEN):
        await http.post("/my/requests", data={"action": "ask", "kind": "restriction"})

    empty = await http.post("/my/requests", data={"action": "ask", "kind": "correction", "text": " "})
    many = await http.post("/my/requests", data={"action": "ask", "kind": "correction", "text": "Mein Satz"})

    assert (empty.status_code, many.status_code) == (422, 409)
    assert "Bitte schreiben Sie, was nicht stimmt" in empty.text and "Mein Satz</textarea>" in many.text
    assert len(await found(clinic, "Task")) == MOST_OPEN


async def test_another_task_of_the_clinic_is_no_request_and_can_not_be_taken_back(clinic: Clinic) -> None:
    http = await inside(clinic)
    person = {"reference": f"Patient/{PATIENT}"}
    body = {"resourceType": "Task", "status": "requested", "intent": "order", "for": person, "description": "Anrufen"}
    task = await clinic.services.database.write(
        lambda session: clinic.services.store.create(session, PLATFORM, resource.parsed(body)).id
    )

    answer = await http.post("/my/requests", data={"action": "take_back", "request": task})

    assert answer.status_code == 409 and (await clinic.read("Task", task))["status"] == "requested"
    assert "Anrufen" not in (await http.get("/my/requests")).text


async def test_the_export_has_all_of_the_own_record_byte_for_byte_and_nothing_of_others(clinic: Clinic) -> None:
    ids = await clinic.services.database.write(lambda session: two_patients(session, clinic))
    http = await inside(clinic)

    answer = await http.get("/my/record.json")

    bundle = answer.json()
    entries = {entry["resource"]["id"]: entry["resource"] for entry in bundle["entry"]}
    assert answer.headers["content-disposition"] == 'attachment; filename="my-record.json"'
    assert answer.headers["cache-control"] == "no-store" and bundle["type"] == "collection"
    assert {PATIENT, VIDEO, ids[PATIENT], DOCTOR} <= entries.keys() and ids["patient-2"] not in entries
    assert json.dumps(entries[ids[PATIENT]]) == json.dumps(await clinic.read("Observation", ids[PATIENT]))
    validate(resource.parsed(bundle))
    assert "operation" in await actions(clinic)


async def test_an_export_of_several_pages_is_whole(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MAX_COUNT", 2)
    store = clinic.services.store
    for _ in range(5):
        await clinic.services.database.write(
            lambda session: store.create(session, PLATFORM, resource.parsed(observation(PATIENT)))
        )

    bundle = (await (await inside(clinic)).get("/my/record.json")).json()

    assert [entry["resource"]["resourceType"] for entry in bundle["entry"]].count("Observation") == 5


async def test_people_read_the_same_on_the_page_and_on_paper(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FPDF, "set_compression", lambda *_: None)
    await clinic.services.database.write(lambda session: two_patients(session, clinic))
    http = await inside(clinic)

    page, paper = await http.get("/my/record"), await http.get("/my/record.pdf")

    assert "Befund" in page.text and "Blutdruck systolisch" in page.text and "gebucht" in page.text
    assert paper.content.startswith(b"%PDF-") and b"Musterkai" not in paper.content[:200]
    assert b"/Title (Ihre Akte)" in paper.content and paper.headers["content-type"] == "application/pdf"


async def test_pages_are_strict_light_and_name_nobody_in_an_address(clinic: Clinic) -> None:
    http = await inside(clinic)
    await http.post("/my/requests", data={"action": "ask", "kind": "erasure"})

    for path in PAGES:
        answer = await http.get(path)
        page = Page(answer.text)

        assert page.inline == [] and "unsafe" not in answer.headers["content-security-policy"], path
        assert answer.headers["cache-control"] == "no-store" and "112" in answer.text, path
        links = re.findall(r'(?:href|action)="([^"]+)"', answer.text)
        assert not [link for link in links if PATIENT in link or "Musterkai" in link or "karla" in link], path
        wire = len(answer.content) // 4 + sum(packed(name_of(url)) for url in set(page.fetched))
        assert wire <= PAGE_BUDGET, path


async def test_every_page_speaks_english(clinic: Clinic) -> None:
    http = await inside(clinic)
    await http.get("/my?lang=en")

    for path in PAGES:
        answer = (await http.get(path)).text
        assert '<html lang="en"' in answer and "Not for emergencies" in answer, path


async def actions(clinic: Clinic) -> list[str]:
    """What the log says was done to the patient's own resource."""
    return [line.action for line in await log_of(clinic, "Patient")]
