"""A patient of one clinic, and another clinic that has never seen them."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlmodel import select

from fhir import compartments, insurance
from fhir.policy import Action
from infra.caller import Caller, Role
from infra.database import Session
from telemed.identity.callers import CONSOLE_SCOPES
from telemed.identity.models import Clinician
from telemed.visits import resource
from tests.telemed.visits.clinic import PATIENT, Clinic

FAR, NUMBER = "clinic-far", "X123456783"
HERE = Caller(tenant=FAR, subject="test", role=Role.SERVICE)
FORM = {"who": NUMBER, "birth_date": "14.03.1951", "reason": "ETREAT", "text": "Found unconscious in the waiting room."}


@pytest.fixture
def database_kind() -> str:
    """SQLite will do; what several do at once names both databases itself."""
    return "sqlite"


@dataclass(frozen=True)
class Far:
    """The other clinic."""

    clinic: Clinic

    async def clinician(self, id: str, *, role: str = "physician") -> httpx.AsyncClient:
        """A signed-in browser of somebody there, verified just now."""
        browser = self.clinic.service.browser()
        await browser.get(await self.clinic.service.sign_in_link(FAR, role=role, practitioner=id))
        browser.headers.update({"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"})
        return browser

    def caller(self, id: str, *, purpose: str = "ETREAT") -> Caller:
        """Somebody there, as the record is asked."""
        return Caller(FAR, id, Role.PHYSICIAN, CONSOLE_SCOPES, purpose)

    async def sees(self, caller: Caller, id: str = PATIENT) -> bool:
        """Whether the caller reads this patient."""
        services = self.clinic.services

        def unit(session: Session) -> bool:
            query = services.store.policy.permit(caller, Action.READ, "Patient")
            return query.entitled(session, caller, compartments.pseudonym(services.vault, id))

        return await services.database.write(unit)

    async def rows(self, table: type[Any]) -> list[Any]:
        """All rows of a table."""
        return await self.clinic.services.database.read(lambda session: list(session.exec(select(table))))


@pytest.fixture
async def far(clinic: Clinic) -> Far:
    """The other clinic with two physicians, a nurse and a privacy officer who has a mail address."""
    people: dict[str, dict[str, Any]] = {FAR: {"resourceType": "Organization", "name": "Klinik am Deich"}}
    for id, family in (("eva", "Nothelf"), ("ole", "Nebenan"), ("ida", "Wache"), ("pia", "Schutz")):
        people[id] = {"resourceType": "Practitioner", "name": [{"family": family}]}
    people["pia"]["telecom"] = [{"system": "email", "value": "pia@example.org"}]
    services = clinic.services

    def unit(session: Session) -> None:
        for id, data in people.items():
            services.store.create(session, HERE, resource.parsed(data), id=id)
        session.add(Clinician(id="officer", tenant=FAR, practitioner_id="pia", role=Role.PRIVACY_OFFICER.value))

    await services.database.write(unit)
    await clinic.change("Patient", PATIENT, identifier=[{"system": insurance.KVNR, "value": NUMBER}])
    allergy = {
        "resourceType": "AllergyIntolerance",
        "patient": {"reference": f"Patient/{PATIENT}"},
        "code": {"text": "Penicillin"},
    }
    home = Caller(tenant="clinic-a", subject="test", role=Role.SERVICE)
    await services.database.write(
        lambda session: services.store.create(session, home, resource.parsed(allergy), id="allergy-1") and None
    )
    return Far(clinic)
