"""Letters and browsers of a patient, for tests of My data."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import httpx

from fhir.compartments import pseudonym
from infra.caller import Caller, Role
from infra.clock import FixedClock
from telemed.identity.callers import CONSOLE_SCOPES
from telemed.mydata.codes import Issued
from telemed.mydata.letters import LetterFor, issue
from telemed.mydata.sessions import MyPatient
from telemed.services import Services
from tests.telemed.visits.clinic import DOCTOR, PATIENT, TENANT, Clinic

RECEPTION = Caller(TENANT, DOCTOR, Role.RECEPTIONIST, CONSOLE_SCOPES)


async def letter(clinic: Clinic, *, patient: str = PATIENT, pin_by_post: bool = False) -> Issued:
    """Code and PIN of a new letter."""
    return await clinic.services.database.write(
        lambda session: issue(session, clinic.services, LetterFor(patient, RECEPTION), pin_by_post=pin_by_post)
    )


def browser(clinic: Clinic) -> httpx.AsyncClient:
    """A browser at our own pages."""
    made = clinic.service.browser()
    made.headers["Sec-Fetch-Site"] = "same-origin"
    return made


async def enter(clinic: Clinic, issued: Issued, *, pin: str = "") -> tuple[httpx.AsyncClient, httpx.Response]:
    """A browser that has sent code and PIN, and the answer."""
    made = browser(clinic)
    return made, await made.post("/my", data={"code": issued.code, "pin": pin or issued.pin})


async def inside(clinic: Clinic, *, patient: str = PATIENT) -> httpx.AsyncClient:
    """A browser that is in the patient's own record."""
    made, answer = await enter(clinic, await letter(clinic, patient=patient))
    assert answer.status_code == 303, answer.text
    return made


def patient_of(services: Services, patient: str = PATIENT) -> MyPatient:
    """The patient as a session knows them."""
    return MyPatient(TENANT, patient, pseudonym(services.vault, patient), b"")


@contextmanager
def later(services: Services, by: timedelta) -> Iterator[datetime]:
    """The machine's clock stands later; sessions and letters go by it."""
    before = services.system_clock
    moment = before.now() + by
    object.__setattr__(services, "system_clock", FixedClock(moment))
    yield moment
    object.__setattr__(services, "system_clock", before)
