"""Who looked, for the privacy officer whom "My data" tells people to ask: by name or id, without what was looked at."""

import httpx
import pytest
from sqlmodel import col, select

from fhir.tables import AuditRow
from tests.telemed.mydata.letters import inside
from tests.telemed.rights.desk import logged_looks
from tests.telemed.visits.clinic import BORN, PATIENT, TENANT, VIDEO, Clinic

PATH = "/console/looks"
FAMILY = "Musterkai<script>"


@pytest.fixture
def database_kind() -> str:
    """What is asked of the database is asked of both by the tests of the log."""
    return "sqlite"


@pytest.fixture
async def officer(clinic: Clinic) -> httpx.AsyncClient:
    """The clinic's privacy officer, after a physician has looked at a patient's record."""
    await (await clinic.clinician()).get(f"/console/visits/{VIDEO}")
    made = await clinic.clinician(role="privacy-officer", practitioner="nurse-1")
    made.headers["Accept-Language"] = "de"
    return made


@pytest.mark.parametrize(
    "asked",
    [{"patient": PATIENT}, {"patient": f"Patient/{PATIENT}"}, {"family": FAMILY, "born": BORN.isoformat()}],
    ids=["id", "reference", "name"],
)
async def test_the_officer_reads_who_looked_and_not_at_which_findings(
    officer: httpx.AsyncClient, asked: dict[str, str]
) -> None:
    form, told = await officer.get(PATH), await officer.post(PATH, data=asked)

    assert form.status_code == told.status_code == 200 and "<table" not in form.text
    assert "Dr. Wiebke Testfeld" in told.text and "Stammdaten" in told.text
    assert "Eintrag der Behandlung" in told.text
    assert not any(kind in told.text for kind in ("Diagnose", "Kontakt", "Befund"))


async def test_the_officers_look_stands_in_the_log_and_in_the_list(officer: httpx.AsyncClient, clinic: Clinic) -> None:
    await officer.post(PATH, data={"patient": PATIENT})
    again = await officer.post(PATH, data={"patient": PATIENT})

    assert "Liste, wer nachgesehen hat" in again.text
    assert await logged_looks(clinic) == ["privacy-officer"] * 2


async def test_who_stands_in_no_directory_is_named_by_what_they_are(officer: httpx.AsyncClient, clinic: Clinic) -> None:
    await (await inside(clinic)).get("/my/record")

    told = (await officer.post(PATH, data={"patient": PATIENT})).text

    assert "wer den Brief oder den Link hat" in told and "Dieser Dienst, von selbst" in told
    assert f"({PATIENT})" not in told


@pytest.mark.parametrize("role", ["physician", "nurse", "receptionist", "release-board"])
async def test_other_roles_have_no_such_page(clinic: Clinic, role: str) -> None:
    other = await clinic.clinician(role=role, practitioner="nurse-1")

    assert (await other.get(PATH)).status_code == 403
    assert (await other.post(PATH, data={"patient": PATIENT})).status_code == 403


@pytest.mark.parametrize(
    "asked",
    [
        {"patient": "nobody"},
        {"family": FAMILY, "born": "1900-01-01"},
        {"family": FAMILY, "born": "gestern"},
        {},
    ],
)
async def test_whom_the_clinic_does_not_know_is_told_alike(officer: httpx.AsyncClient, asked: dict[str, str]) -> None:
    told = await officer.post(PATH, data=asked)

    assert told.status_code == 404 and "niemanden mit diesen Angaben" in told.text


async def test_another_clinics_patient_is_as_unknown_as_nobody(officer: httpx.AsyncClient, clinic: Clinic) -> None:
    stranger = clinic.service.browser()
    await stranger.get(await clinic.service.sign_in_link("elsewhere", role="privacy-officer", practitioner="nurse-9"))
    stranger.headers.update({"Accept-Language": "de", "Sec-Fetch-Site": "same-origin"})

    foreign = await stranger.post(PATH, data={"patient": PATIENT})
    nobody = await stranger.post(PATH, data={"patient": "nobody"})

    assert foreign.status_code == 404 and foreign.text == nobody.text
    of_clinic = select(AuditRow.id).where(col(AuditRow.tenant) == "elsewhere", col(AuditRow.type) == "AuditEvent")
    assert await clinic.services.database.read(lambda session: session.exec(of_clinic).first()) is None
    assert TENANT not in foreign.text
