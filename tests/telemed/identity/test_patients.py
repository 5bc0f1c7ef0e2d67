"""A patient who is signed in elsewhere allows an app to see the own record: by the protocol that sources keep to."""

from datetime import datetime

import pytest
from fastapi.requests import HTTPConnection
from sqlmodel import Session

from infra.caller import Role
from telemed.identity.users import User, UserKind, UserSource
from tests.clients.smart_app import ticked
from tests.telemed.identity.asking import HTML, Asking, answer
from tests.telemed.visits.clinic import PATIENT, TENANT

SCOPE = "openid fhirUser launch/patient patient/*.rs offline_access"


class Patients:
    """Stands where a patient's own sign-in is: one cookie, one patient."""

    kind = UserKind.PATIENT
    sign_in = "/my-data"

    def __init__(self) -> None:
        self.gone = False

    def signed_in(self, session: Session, connection: HTTPConnection, *, now: datetime) -> User | None:
        """The patient of the cookie."""
        return self.today(session, PATIENT) if connection.cookies.get("patient") else None

    def today(self, session: Session, id: str) -> User | None:
        """The patient, unless they are gone."""
        return None if self.gone else User(UserKind.PATIENT, id, TENANT, Role.PATIENT, id, b"browser")

    def stands(self, session: Session, browser: bytes, *, now: datetime) -> bool:
        """True until they are gone."""
        return not self.gone


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def patients(world: Asking) -> Patients:
    source = Patients()
    known: UserSource = source
    users: list[UserSource] = world.service.services.users  # type: ignore[assignment]  # a list in a running service
    users[:] = [users[0], known]
    return source


async def test_a_patient_sees_the_own_record_by_an_app_without_choosing_anybody(
    world: Asking, patients: Patients
) -> None:
    async with world.service.browser() as browser:
        browser.cookies.set("patient", "1")
        browser.headers["Sec-Fetch-Site"] = "same-origin"
        page = await browser.get(world.public.address(SCOPE), headers=HTML)
        allowed = await answer(browser, [*ticked(page.text), ("step", "allow")])
    tokens = (await world.public.redeem(world.public.code(allowed.headers["location"]))).json()

    assert tokens["patient"] == PATIENT and 'name="name"' not in page.text
    assert (await world.get(f"/fhir/Patient/{PATIENT}", tokens["access_token"])).status_code == 200
    found = (await world.get("/fhir/Patient", tokens["access_token"])).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == [PATIENT]
    assert (await world.public.identity(tokens["id_token"]))["fhirUser"].endswith(f"/Patient/{PATIENT}")

    patients.gone = True
    world.service.services.token_check._known.clear()
    assert (await world.get(f"/fhir/Patient/{PATIENT}", tokens["access_token"])).status_code == 401
    assert (await world.public.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_patient_can_not_allow_what_is_a_clinicians(world: Asking, patients: Patients) -> None:
    async with world.service.browser() as browser:
        browser.cookies.set("patient", "1")
        only = await browser.get(world.public.address("user/*.cruds"), headers=HTML)
        both = await browser.get(world.public.address("user/*.cruds patient/Patient.rs"), headers=HTML)

    assert "error=access_denied" in only.headers["location"]
    assert "patient/Patient.rs" in both.text and 'name="grant" value="user/' not in both.text


async def test_whoever_could_be_patient_or_clinician_is_asked_which(world: Asking, patients: Patients) -> None:
    async with world.service.browser() as stranger:
        page = await stranger.get(world.public.address(SCOPE), headers=HTML)
        clinicians = await stranger.get(world.public.address("user/Patient.rs"))

    assert page.status_code == 200 and "/my-data?next=%2Foauth" in page.text and "/console/sign-in?next=" in page.text
    assert clinicians.headers["location"].startswith("/console/sign-in?next=%2Foauth%2Fauthorize")
