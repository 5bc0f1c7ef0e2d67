"""Making notices: in the atomic unit of the booking, sealed at once; the job that delivers them knows an id only."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from fhir.store import Store
from infra.clock import Clock
from infra.problems import Gone, NotFound
from infra.queue import enqueue
from infra.vault import Binding, Sealed, Vault
from telemed.notices.content import Content, Method, Recipient, now_to_the_second, recipient_of
from telemed.notices.models import Channel, Notice
from telemed.schedules.calendar import platform
from telemed.visits import codes

DELIVER = "notice.deliver"


@dataclass(frozen=True, slots=True)
class Office:
    """What notices are made with. `record` is a store without hooks."""

    vault: Vault
    record: Store
    clock: Clock


@dataclass(frozen=True, slots=True)
class Visit:
    """An appointment as far as its patient is told of it."""

    appointment_id: str
    tenant: str
    patient_id: str
    patient_tenant: str
    compartment: str
    start: datetime
    end: datetime
    sequence: int


def invite(session: Session, office: Office, visit: Visit) -> None:
    """Nothing; a new join code is on its way by mail (if there is an address) and by letter."""
    patient = _patient(session, office, visit)
    if patient is None:
        return
    content = _content(office, visit, patient, method=Method.REQUEST, code=_code(session, office, visit, patient))
    tell(session, office, visit, content, channels=[*([Channel.MAIL] if patient.mail else []), Channel.LETTER])


def renew(session: Session, office: Office, visit: Visit) -> str:
    """A new join code, on its way as the first one was; the old one is dead. Empty without a full date of birth."""
    patient = _patient(session, office, visit)
    code = _code(session, office, visit, patient) if patient is not None else ""
    if patient is not None and code:
        content = replace(_content(office, visit, patient, method=Method.REQUEST, code=code), renewed=True)
        tell(session, office, visit, content, channels=[*([Channel.MAIL] if patient.mail else []), Channel.LETTER])
    return code


def read_out(session: Session, office: Office, visit: Visit) -> str:
    """A new join code that is not sent, for the phone; the old one is dead. Empty without a full date of birth."""
    patient = _patient(session, office, visit)
    return _code(session, office, visit, patient) if patient is not None else ""


def withdraw(session: Session, office: Office, visit: Visit) -> None:
    """Nothing; the patient hears that the appointment is cancelled, by letter only where there is no mail address."""
    patient = _patient(session, office, visit)
    if patient is None:
        return
    content = _content(office, visit, patient, method=Method.CANCEL, code="")
    tell(session, office, visit, content, channels=[Channel.MAIL if patient.mail else Channel.LETTER])


def binding(notice: Notice) -> Binding:
    """What the content of a notice is sealed to."""
    return Binding(notice.tenant, "notice", notice.id, 1, notice.compartment)


def opened(session: Session, vault: Vault, notice: Notice) -> Content:
    """The content of a notice."""
    sealed = Sealed(notice.data_key, notice.body)
    return Content.decode(vault.open_alone(session, sealed, to=binding(notice)))


def _patient(session: Session, office: Office, visit: Visit) -> Recipient | None:
    try:
        found = office.record.read(session, platform(visit.patient_tenant), "Patient", visit.patient_id)
    except (NotFound, Gone):
        return None
    return recipient_of(found.data)


def _code(session: Session, office: Office, visit: Visit, patient: Recipient) -> str:
    if patient.birth_date is None:
        return ""
    return codes.issue(
        session,
        office.vault,
        appointment_id=visit.appointment_id,
        tenant=visit.tenant,
        factor=patient.birth_date,
        window=codes.Window.around(visit.start, visit.end),
    )


def _content(office: Office, visit: Visit, patient: Recipient, *, method: Method, code: str) -> Content:
    return Content(
        method=method,
        appointment_id=visit.appointment_id,
        sequence=visit.sequence,
        start=visit.start,
        end=visit.end,
        made=now_to_the_second(office.clock.now()),
        language=patient.language,
        mail=patient.mail,
        name=patient.name,
        address=patient.address,
        code=code,
    )


def tell(session: Session, office: Office, visit: Visit, content: Content, *, channels: list[Channel]) -> None:
    """Nothing; the content is on its way by each of these channels, sealed under the patient's own key."""
    for channel in channels:
        notice = Notice(
            id=secrets.token_hex(16),
            appointment_id=visit.appointment_id,
            tenant=visit.tenant,
            compartment=visit.compartment,
            channel=channel,
            sequence=visit.sequence,
            data_key=0,
            body=b"",
        )
        sealed = office.vault.seal(session, content.encode(), to=binding(notice))
        notice.data_key, notice.body = sealed.data_key, sealed.body
        session.add(notice)
        enqueue(session, DELIVER, ref=notice.id, key=f"{DELIVER}:{notice.id}")
    session.flush()
