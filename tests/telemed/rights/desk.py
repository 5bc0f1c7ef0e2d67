"""A patient who asks for something in "My data", and the clinic's privacy officer who answers."""

from dataclasses import dataclass

import httpx
from sqlmodel import col, select

from fhir.compartments import pseudonym
from fhir.policy import Action
from fhir.search import parsing
from fhir.store import Store
from fhir.tables import AuditRow, Compartment
from infra.caller import Caller, Role
from infra.clock import FixedClock
from infra.database import Session
from infra.problems import NotFound
from telemed.identity.callers import CONSOLE_SCOPES
from telemed.mydata.requests import Kind
from telemed.visits import resource
from tests.telemed.mydata.letters import inside
from tests.telemed.visits.clinic import DOCTOR, PATIENT, PLATFORM, TENANT, VIDEO, Clinic

SYSTEM = Caller(TENANT, "system", Role.SYSTEM, frozenset({"system/*.cruds"}))
PHYSICIAN = Caller(TENANT, DOCTOR, Role.PHYSICIAN, CONSOLE_SCOPES)


@dataclass(frozen=True)
class Desk:
    """The clinic, the officer's browser, the patient's browser, and a finding about the patient."""

    clinic: Clinic
    officer: httpx.AsyncClient
    patient: httpx.AsyncClient
    finding: str

    @property
    def compartment(self) -> str:
        """The patient's record."""
        return pseudonym(self.clinic.services.vault, PATIENT)

    async def ask(self, kind: Kind) -> str:
        """The id of a new request."""
        await self.patient.post("/my/requests", data={"action": "ask", "kind": kind.value, "text": "Das stimmt nicht."})
        found = await self.tasks()
        return found[-1]

    async def tasks(self) -> list[str]:
        """The ids of the clinic's Tasks, the oldest first."""
        store = self.clinic.services.store

        def unit(session: Session) -> list[str]:
            return [each.id for each in store.search(session, PLATFORM, parsing.parse("Task", [])).entries][::-1]

        return await self.clinic.services.database.write(unit)

    async def answer(self, id: str, said: str, **more: str) -> httpx.Response:
        """What the console says to an answer."""
        return await self.officer.post(f"/console/requests/{id}", data={"answer": said} | more)

    async def restrict(self) -> str:
        """The id of a request by which the record is restricted."""
        id = await self.ask(Kind.RESTRICTION)
        assert (await self.answer(id, "restrict")).status_code == 303
        return id

    async def sees(
        self, caller: Caller, *, store: Store | None = None, type: str = "Observation", id: str = ""
    ) -> bool:
        """Whether the caller reads the finding, or something else."""
        asked = store or self.clinic.services.store

        def unit(session: Session) -> bool:
            try:
                asked.read(session, caller, type, id or self.finding)
            except NotFound:
                return False
            return True

        return await self.clinic.services.database.write(unit)


def finding(patient: str = PATIENT) -> dict[str, object]:
    """A finding about the patient."""
    code = {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": code,
        "subject": {"reference": f"Patient/{patient}"},
    }


async def desk_of(clinic: Clinic) -> Desk:
    """The desk, a finding in the record, and no appointment ahead."""
    services = clinic.services
    made = await services.database.write(lambda s: services.store.create(s, PLATFORM, resource.parsed(finding())))
    await clinic.change("Appointment", VIDEO, status="cancelled")
    patient = await inside(clinic)
    officer = await clinic.clinician(role="privacy-officer", practitioner="nurse-1")
    officer.headers["Accept-Language"] = "en"
    return Desk(clinic, officer, patient, made.id)


async def logged(clinic: Clinic, action: Action = Action.OPERATION) -> list[str]:
    """Whose actions of a kind on the patient stand in the log."""
    wanted = select(AuditRow.agent).where(AuditRow.action == str(action), AuditRow.resource_id == PATIENT)
    return await clinic.services.database.read(lambda session: list(session.exec(wanted.order_by(col(AuditRow.id)))))


async def logged_looks(clinic: Clinic) -> list[str]:
    """The roles of those who looked at the list of who looked, the oldest first."""
    wanted = select(AuditRow.role).where(AuditRow.type == "AuditEvent", col(AuditRow.compartment).is_not(None))
    return await clinic.services.database.read(lambda session: list(session.exec(wanted.order_by(col(AuditRow.id)))))


def forget_treatment(desk: Desk) -> None:
    """Nothing; what was written of a treatment was written eleven years ago."""
    clock = desk.clinic.services.eraser.clock
    moment = clock.now().replace(year=clock.now().year + 11)
    object.__setattr__(desk.clinic.services.eraser, "clock", FixedClock(moment))


async def is_kept(desk: Desk) -> bool:
    """Whether the patient's record is there."""
    return await desk.clinic.services.database.read(
        lambda session: session.get(Compartment, desk.compartment) is not None
    )
