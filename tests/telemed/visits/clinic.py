"""A clinic with one video appointment, in a running service: what tests of visits, pages and console start from."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from fhir import codec
from infra.caller import Caller, Role
from infra.database import Session
from telemed.schedules.resource import SLOT_MINUTES
from telemed.services import Services
from telemed.visits import codes, resource
from telemed.visits.codes import Window
from tests.telemed.service import Service, demo_settings, running

TENANT = "clinic-a"
DOCTOR = "doctor-1"
PATIENT = "patient-1"
VIDEO = "appointment-1"
BORN = date(1951, 3, 14)
PLATFORM = Caller(tenant=TENANT, subject="test", role=Role.SERVICE)


@dataclass(frozen=True)
class Clinic:
    """The service, the code of its video appointment, and ways in."""

    service: Service
    code: str
    links: dict[str, str] = field(default_factory=dict)

    @property
    def services(self) -> Services:
        """What the service is made of."""
        return self.service.services

    async def read(self, type: str, id: str) -> dict[str, Any]:
        """A resource as it stands."""
        stored = await self.services.database.write(
            lambda session: self.services.store.read(session, PLATFORM, type, id)
        )
        return stored.data

    async def change(self, type: str, id: str, **values: Any) -> None:
        """A resource with other values."""
        changed = resource.parsed({**await self.read(type, id), **values})
        await self.services.database.write(
            lambda session: self.services.store.update(session, PLATFORM, type, id, changed, if_match=None)
        )

    async def clinician(self, *, role: str = "physician", practitioner: str = DOCTOR) -> httpx.AsyncClient:
        """A signed-in browser."""
        browser = self.service.browser()
        if practitioner not in self.links:
            self.links[practitioner] = await self.service.sign_in_link(TENANT, role=role, practitioner=practitioner)
        answer = await browser.get(self.links[practitioner])
        assert answer.status_code == 303, answer.text
        browser.headers["Sec-Fetch-Site"] = "same-origin"
        return browser

    async def patient(self, *, code: str = "") -> httpx.AsyncClient:
        """A browser that has shown code and birth date."""
        browser = self.service.browser()
        browser.headers["Sec-Fetch-Site"] = "same-origin"
        answer = await browser.post("/j", data={"code": code or self.code, "birth_date": "14.03.1951"})
        assert answer.status_code == 303, answer.text
        said = await browser.post("/visit/here", data={"people": "patient", "place": ""})
        assert said.headers["location"] == "/visit"
        return browser


@asynccontextmanager
async def clinic_on(folder: Path, database_url: str, *, now: datetime | None = None) -> AsyncIterator[Clinic]:
    """The clinic on this database, at a moment or now."""
    settings = demo_settings(folder, database_url).model_copy(update={"demo_now": now})
    async with running(settings) as service:
        await service.services.database.write(lambda session: furnish(session, service.services))
        yield Clinic(
            service, await service.services.database.write(lambda session: new_code(session, service.services))
        )


def furnish(session: Session, services: Services) -> None:
    """Nothing; clinic, doctor, nurse, patient and one video appointment, which begins now, stand in the record."""
    for id, data in people().items():
        services.store.create(session, PLATFORM, resource.parsed(data), id=id)
    start = services.clock.now()
    services.store.create(session, PLATFORM, resource.parsed(appointment(start=start)), id=VIDEO)


def new_code(session: Session, services: Services) -> str:
    """A code for the appointment in place of the one that was mailed."""
    start = services.clock.now()
    window = Window.around(start, start + timedelta(minutes=20))
    return codes.issue(session, services.vault, appointment_id=VIDEO, tenant=TENANT, factor=BORN, window=window)


def people() -> dict[str, dict[str, Any]]:
    """A clinic, a doctor with a schedule, a nurse and a patient."""
    return {
        TENANT: {"resourceType": "Organization", "name": "Praxis am Hafen"},
        DOCTOR: {
            "resourceType": "Practitioner",
            "name": [{"prefix": ["Dr."], "given": ["Wiebke"], "family": "Testfeld"}],
        },
        # With a schedule of the doctor's the engine of booking takes part, and sends the mail.
        "role-1": {
            "resourceType": "PractitionerRole",
            "active": True,
            "practitioner": {"reference": f"Practitioner/{DOCTOR}"},
            "availableTime": [{"daysOfWeek": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "allDay": True}],
        },
        "schedule-1": {
            "resourceType": "Schedule",
            "extension": [{"url": SLOT_MINUTES, "valuePositiveInt": 20}],
            "active": True,
            "actor": [{"reference": "PractitionerRole/role-1"}],
        },
        "nurse-1": {"resourceType": "Practitioner", "name": [{"given": ["Hauke"], "family": "Probst"}]},
        PATIENT: {
            "resourceType": "Patient",
            "name": [{"given": ["Karla"], "family": "Musterkai<script>"}],
            "birthDate": BORN.isoformat(),
            "telecom": [{"system": "email", "value": "karla@example.org"}],
        },
    }


def appointment(*, start: Any) -> dict[str, Any]:
    """A booked appointment of the patient with the doctor."""
    actors = (f"Patient/{PATIENT}", f"Practitioner/{DOCTOR}")
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "start": codec.instant(start),
        "end": codec.instant(start + timedelta(minutes=20)),
        "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
    }
