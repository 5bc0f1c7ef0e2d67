"""Who is told that glass was broken: the patient, and whoever looks after privacy. In the same atomic unit, always."""

from collections.abc import Sequence
from dataclasses import replace

import structlog
from sqlmodel import Session, col, select

from infra.caller import Role
from infra.problems import Gone, NotFound
from telemed.emergency.finding import Found
from telemed.emergency.models import EmergencyAccess
from telemed.identity.models import Clinician
from telemed.notices.content import Content, Method, now_to_the_second, recipient_of
from telemed.notices.models import Channel
from telemed.notices.service import Office, Visit, tell
from telemed.schedules.calendar import platform
from telemed.services import Services

log = structlog.get_logger()


def tell_all(session: Session, services: Services, access: EmergencyAccess, *, found: Sequence[Found]) -> None:
    """Nothing; a mail or a letter is on its way to the patient, and a mail to the privacy officers of both clinics."""
    office = Office(services.vault, services.record, services.clock)
    people = [recipient_of(each.patient) for each in found]
    patient = next((each for each in people if each.mail), people[0])
    content = _content(services, access, method=Method.OPENED)
    content = replace(content, mail=patient.mail, name=patient.name, address=patient.address, language=patient.language)
    visit = Visit(
        appointment_id=access.id,
        tenant=access.tenant,
        patient_id=access.patient_id,
        patient_tenant=found[0].tenant,
        compartment=access.compartment,
        start=access.opened,
        end=access.until,
        sequence=0,
    )
    tell(session, office, visit, content, channels=[Channel.MAIL if patient.mail else Channel.LETTER])
    told = _tell_officers(session, services, access, visit, tenant=access.tenant, method=Method.REVIEW)
    if not told:
        log.warning("no_privacy_officer", tenant=access.tenant)
    # Whose patient it is answers for the record (Art. 24 GDPR): each clinic that one was opened of hears of it, too.
    for each in {each.tenant: each for each in found}.values():
        theirs = replace(visit, compartment=each.compartment)
        told += _tell_officers(
            session, services, access, theirs, tenant=each.tenant, method=Method.OPENED_HERE, besides=told
        )


def _tell_officers(
    session: Session,
    services: Services,
    access: EmergencyAccess,
    visit: Visit,
    *,
    tenant: str,
    method: Method,
    besides: Sequence[str] = (),
) -> list[str]:
    """The addresses that a clinic's privacy officers are told at; who heard of it already gets no second mail."""
    office = Office(services.vault, services.record, services.clock)
    mails = [mail for mail in officers(session, services, tenant=tenant) if mail not in besides]
    for mail in mails:
        content = replace(_content(services, access, method=method), mail=mail)
        number = len(besides) + mails.index(mail) + 1
        tell(session, office, replace(visit, sequence=number), content, channels=[Channel.MAIL])
    return mails


def officers(session: Session, services: Services, *, tenant: str) -> list[str]:
    """The mail addresses of a clinic's privacy officers, and the platform's own."""
    theirs = (Clinician.tenant == tenant, Clinician.role == Role.PRIVACY_OFFICER.value, col(Clinician.active))
    ids = session.exec(select(Clinician.practitioner_id).where(*theirs).order_by(col(Clinician.id))).all()
    found = [_mail(session, services, id, tenant=tenant) for id in ids] + [services.settings.privacy_mail]
    return [mail for mail in dict.fromkeys(found) if mail]


def _mail(session: Session, services: Services, id: str, *, tenant: str) -> str:
    try:
        return recipient_of(services.record.read(session, platform(tenant), "Practitioner", id).data).mail
    except (NotFound, Gone):
        return ""


def _content(services: Services, access: EmergencyAccess, *, method: Method) -> Content:
    made = now_to_the_second(services.clock.now())
    return Content.about(method, access.id, start=access.opened, end=access.until, made=made)
