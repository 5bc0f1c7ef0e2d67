"""Breaking the glass, closing it, reviewing it. Each function is (part of) one atomic unit."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlmodel import Session, col, delete, func, select

from fhir import audit, codec
from fhir.audit import REFUSED, Access
from fhir.policy import Action
from infra.caller import Caller
from infra.problems import Conflict, NotFound, TooMany
from infra.vault import Binding, Sealed
from telemed.access.models import CareGrant
from telemed.access.policy import EMERGENCY
from telemed.access.rule import is_open
from telemed.emergency import telling
from telemed.emergency.finding import Found, registrations
from telemed.emergency.models import EmergencyAccess, EmergencyAttempt
from telemed.emergency.rules import LASTS, TRIES, WITHIN, Asked, Verdict
from telemed.identity.models import Clinician
from telemed.schedules.calendar import platform
from telemed.services import Services
from telemed.visits import resource

log = structlog.get_logger()

KIND: Final = "break-glass"
TASK: Final = "emergency-"
SYSTEM: Final = "https://telemed.example/fhir/"


class NobodyFound(NotFound):
    """Nobody is registered here with this number and this date of birth."""


class OpenAlready(Conflict):
    """This record is open to your clinic already. Find the patient as you always do."""


class TooManyTries(TooMany):
    """You have tried this five times in an hour. Ask the clinic where the patient is registered."""


class OwnAccess(Conflict):
    """Whoever opened a record can't review that. Somebody else has to."""


class ReviewedAlready(Conflict):
    """This access has been reviewed already."""


@dataclass(frozen=True, slots=True)
class Breaking:
    """Who breaks the glass: the signed-in clinician, and as whom the record knows them."""

    caller: Caller
    clinician_id: str

    @property
    def in_emergency(self) -> Caller:
        """The caller for everything that is looked at through the glass, and for the log of it."""
        return self.caller._replace(purpose=EMERGENCY)


def try_to_open(session: Session, services: Services, who: Breaking, asked: Asked) -> str | NobodyFound | OpenAlready:
    """The id of the access, or why there is none. Refusals are returned: the try counts, so it has to be committed.

    `TooManyTries` for the sixth in an hour.
    """
    now, moment = services.clock.now(), services.system_clock.now()
    _count(session, who, now=moment)
    found = registrations(session, services, asked, tenant=who.caller.tenant)
    if not found:
        _log(session, services, who, Access(Action.OPERATION, "Patient", outcome=REFUSED), now=now)
        return NobodyFound()
    if running := _running(session, who, found, now=now):
        return running.id
    tenant = who.caller.tenant
    shut = [each for each in found if not is_open(session, tenant, compartment=each.compartment, now=now)]
    if not shut:
        return OpenAlready()
    return _open(session, services, who, asked, found=shut, now=now)


def ended(session: Session, services: Services, access: EmergencyAccess) -> None:
    """Nothing; the record is shut again now."""
    access.until = min(access.until, services.clock.now())
    session.add(access)
    session.exec(delete(CareGrant).where(col(CareGrant.source) == source_of(access.id)))
    session.flush()


def running_access(session: Session, services: Services, caller: Caller, id: str) -> EmergencyAccess:
    """An access of this very caller that is not over; anything else is as absent as what never was."""
    found = session.get(EmergencyAccess, id)
    is_own = found is not None and (found.tenant, found.subject) == (caller.tenant, caller.subject)
    if found is None or not is_own or found.until <= services.clock.now():
        raise NotFound
    return found


def opened_by(session: Session, caller: Caller, *, now: datetime) -> Sequence[EmergencyAccess]:
    """The caller's accesses that are not over."""
    mine = (EmergencyAccess.tenant == caller.tenant, EmergencyAccess.subject == caller.subject)
    wanted = select(EmergencyAccess).where(*mine, col(EmergencyAccess.until) > now)
    return session.exec(wanted.order_by(col(EmergencyAccess.opened).desc())).all()


def patients_of(session: Session, services: Services, access: EmergencyAccess) -> list[str]:
    """The ids of the person's Patients that the access opens now."""
    from fhir.compartments import patient_of

    wanted = select(CareGrant.compartment).where(CareGrant.source == source_of(access.id)).order_by(col(CareGrant.id))
    found = (patient_of(session, compartment) for compartment in session.exec(wanted))
    return [each for each in found if each is not None]


def review(
    session: Session, services: Services, caller: Caller, *, id: str, clinician_id: str, verdict: Verdict
) -> None:
    """Nothing; the access is reviewed and its Task completed. `OwnAccess` by the one whose access it was."""
    found = session.get(EmergencyAccess, id, with_for_update=True, populate_existing=True)
    if found is None or found.tenant != caller.tenant:
        raise NotFound
    if caller.subject == found.subject or clinician_id == found.clinician_id:
        raise OwnAccess
    if found.reviewed is not None:
        raise ReviewedAlready
    found.reviewed, found.reviewer, found.verdict = services.clock.now(), caller.subject, verdict.value
    session.add(found)
    session.flush()
    house = platform(caller.tenant)
    before = services.record.read(session, house, "Task", TASK + id).data
    after = before | {
        "status": "completed",
        "businessStatus": {"text": verdict.value},
        "lastModified": codec.instant(found.reviewed),
    }
    services.record.update(session, house, "Task", TASK + id, resource.parsed(after), if_match=None)


def reason_binding(access: EmergencyAccess) -> Binding:
    """What the reason is sealed to: with the patient's record it becomes unreadable for ever."""
    return Binding(access.tenant, "emergency-access", access.id, 1, access.compartment)


def reason_text(session: Session, services: Services, access: EmergencyAccess) -> str:
    """The reason that was given."""
    sealed = Sealed(access.data_key, access.body)
    return services.vault.open_alone(session, sealed, to=reason_binding(access)).decode()


def source_of(id: str) -> str:
    """What the grants of an access name as their source."""
    return f"EmergencyAccess/{id}"


def forget_tries(session: Session, *, now: datetime) -> None:
    """Nothing; tries that no longer count are gone. The log keeps them."""
    session.exec(delete(EmergencyAttempt).where(col(EmergencyAttempt.tried) < now - WITHIN))


def _count(session: Session, who: Breaking, *, now: datetime) -> None:
    # One at a time: of many at once, none may be the sixth.
    session.exec(select(Clinician).where(Clinician.id == who.clinician_id).with_for_update()).all()
    mine = EmergencyAttempt.clinician_id == who.clinician_id
    tried = select(func.count()).where(mine, col(EmergencyAttempt.tried) > now - WITHIN)
    if session.exec(tried).one() >= TRIES:
        raise TooManyTries
    session.add(EmergencyAttempt(id=secrets.token_hex(16), clinician_id=who.clinician_id, tried=now))
    session.flush()


def _running(session: Session, who: Breaking, found: Sequence[Found], *, now: datetime) -> EmergencyAccess | None:
    theirs = {each.compartment for each in found}
    return next((each for each in opened_by(session, who.caller, now=now) if each.compartment in theirs), None)


def _open(
    session: Session, services: Services, who: Breaking, asked: Asked, *, found: Sequence[Found], now: datetime
) -> str:
    caller, id, until = who.caller, secrets.token_hex(16), now + LASTS
    first = next((each for each in found if each.patient_id == asked.patient_id), found[0])
    access = EmergencyAccess(
        id=id,
        tenant=caller.tenant,
        subject=caller.subject,
        clinician_id=who.clinician_id,
        compartment=first.compartment,
        patient_id=first.patient_id,
        reason=asked.reason.value,
        opened=now,
        until=until,
        data_key=0,
        body=b"",
    )
    sealed = services.vault.seal(session, asked.text.encode(), to=reason_binding(access))
    access.data_key, access.body = sealed.data_key, sealed.body
    session.add(access)
    for each in found:
        session.add(
            CareGrant(
                compartment=each.compartment, tenant=caller.tenant, subject=caller.subject, kind=KIND,
                source=source_of(id), granted_by=caller.tenant, since=now, asked_until=until, until=until,
            )
        )  # fmt: skip
        done = Access(Action.OPERATION, "Patient", each.patient_id, compartment=each.compartment)
        _log(session, services, who, done, now=now)
    session.flush()
    services.record.create(session, platform(caller.tenant), resource.parsed(task(access)), id=TASK + id)
    telling.tell_all(session, services, access, found=found)
    log.warning("glass_broken", tenant=caller.tenant, role=caller.role.value)
    return id


def task(access: EmergencyAccess) -> dict[str, object]:
    """The Task that stays open until a second person has reviewed the access. It names no patient."""
    code = {"system": f"{SYSTEM}CodeSystem/task", "code": "review-emergency-access"}
    return {
        "resourceType": "Task",
        "identifier": [{"system": f"{SYSTEM}sid/emergency-access", "value": access.id}],
        "status": "requested",
        "intent": "order",
        "priority": "urgent",
        "code": {"coding": [code | {"display": "Review of an emergency access"}]},
        "authoredOn": codec.instant(access.opened),
        "lastModified": codec.instant(access.opened),
        "requester": {"reference": f"Organization/{access.tenant}"},
        "owner": {"reference": f"Organization/{access.tenant}"},
    }


def _log(session: Session, services: Services, who: Breaking, access: Access, *, now: datetime) -> None:
    audit.record(services.vault, session, who.in_emergency, access=access, recorded=now)
