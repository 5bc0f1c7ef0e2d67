"""Restriction of processing (Art. 18 GDPR): a record that is kept, and that nobody works with until that is lifted.

What it closes is said in one place, `telemed.access.rule`. Each function is part of an atomic unit and counts from the
next request on, in every process. https://gdpr-info.eu/art-18-gdpr/
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, delete, select

from fhir import audit, compartments
from fhir.audit import Access
from fhir.policy import Action
from fhir.tables import Compartment, Restriction
from infra.caller import Caller
from infra.problems import Conflict, Gone, NotFound
from telemed.access.settle import FOREVER
from telemed.keys.hold import refuse_expected
from telemed.notices.content import Content, Method, now_to_the_second, recipient_of
from telemed.notices.models import Channel
from telemed.notices.service import Office, Visit, tell
from telemed.schedules.calendar import platform
from telemed.services import Services

# "Shall be informed ... before the restriction of processing is lifted" (Art. 18 (3)): a letter takes some days.
ANNOUNCED: Final = timedelta(days=7)
# More restricted records than anybody looks after by hand; those that end soon come first.
MOST: Final = 200


class RestrictedAlready(Conflict):
    """The processing of this record is restricted already."""


class NotRestricted(Conflict):
    """The processing of this record is not restricted, or its end has been announced already."""


class EndNotAnnounced(Conflict):
    """No end of this restriction has been announced, or it is over already."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A restriction that is in force: whose record, since when, and until when if its end has been announced."""

    patient_id: str
    since: datetime
    until: datetime | None


def impose(session: Session, services: Services, caller: Caller, *, patient_id: str) -> None:
    """Nothing; the record of a patient of the caller's clinic is restricted. `PatientExpected` with an appointment ahead.

    Nobody could prepare, hold or document what is ahead: it has to be cancelled first, so that nobody waits in vain.
    """
    compartment, now = _own(session, services, caller, patient_id), services.clock.now()
    refuse_expected(session, compartment, now=now)
    found = session.get(Restriction, compartment)
    if found is not None and found.until > now:
        raise RestrictedAlready
    kept = found or Restriction(compartment=compartment, since=now, until=FOREVER)
    kept.since, kept.until = now, FOREVER
    session.add(kept)
    session.flush()
    _tell(session, services, caller.tenant, patient_id, kept=kept, method=Method.RESTRICTED)
    _note(session, services, caller, patient_id, compartment=compartment, said="processing restricted")


def announce_end(session: Session, services: Services, caller: Caller, *, patient_id: str) -> datetime:
    """When the restriction ends, of which the patient hears by mail, or else by letter, a week before."""
    compartment, now = _own(session, services, caller, patient_id), services.clock.now()
    kept = session.get(Restriction, compartment)
    if kept is None or kept.until != FOREVER:
        raise NotRestricted
    kept.until = now + ANNOUNCED
    session.add(kept)
    session.flush()
    _tell(session, services, caller.tenant, patient_id, kept=kept, method=Method.UNRESTRICTED)
    _note(session, services, caller, patient_id, compartment=compartment, said="end of restriction announced")
    return kept.until


def take_back_end(session: Session, services: Services, caller: Caller, *, patient_id: str) -> None:
    """Nothing; the restriction whose end was announced goes on, and the patient hears of that, too."""
    compartment, now = _own(session, services, caller, patient_id), services.clock.now()
    kept = session.get(Restriction, compartment)
    if kept is None or kept.until == FOREVER or kept.until <= now:
        raise EndNotAnnounced
    kept.until = FOREVER
    session.add(kept)
    session.flush()
    _tell(session, services, caller.tenant, patient_id, kept=kept, method=Method.RESTRICTED)
    _note(session, services, caller, patient_id, compartment=compartment, said="end of restriction taken back")


def in_force(session: Session, compartment: str, *, now: datetime) -> InForce | None:
    """The restriction of a record, if there is one now."""
    kept, patient_id = session.get(Restriction, compartment), compartments.patient_of(session, compartment)
    if kept is None or kept.until <= now or patient_id is None:
        return None
    return InForce(patient_id, kept.since, None if kept.until == FOREVER else kept.until)


def in_force_at(session: Session, tenant: str, *, now: datetime) -> list[InForce]:
    """The restrictions of a clinic's records that are in force, those that end first before the others."""
    own = select(Restriction.compartment).join(Compartment, col(Compartment.id) == Restriction.compartment)
    wanted = own.where(Compartment.tenant == tenant, col(Restriction.until) > now)
    found = session.exec(wanted.order_by(col(Restriction.until), col(Restriction.since)).limit(MOST)).all()
    return [one for compartment in found if (one := in_force(session, compartment, now=now)) is not None]


def end_by_patient(session: Session, compartment: str, *, now: datetime) -> None:
    """Nothing; the restriction that the patient asked for and takes back is over at once: nobody has to tell them."""
    kept = session.get(Restriction, compartment)
    if kept is not None:
        kept.until = min(kept.until, now)
        session.add(kept)
        session.flush()


def restricted(session: Session, among: Iterable[str], *, now: datetime) -> frozenset[str]:
    """The compartments among these whose processing is restricted now."""
    wanted = col(Restriction.compartment).in_(sorted(among))
    return frozenset(session.exec(select(Restriction.compartment).where(wanted, col(Restriction.until) > now)))


def forget_ended(session: Session, *, now: datetime) -> None:
    """Nothing; restrictions that are over are gone. The log keeps that there was one."""
    session.exec(delete(Restriction).where(col(Restriction.until) <= now))


def _own(session: Session, services: Services, caller: Caller, patient_id: str) -> str:
    """The compartment of a Patient of the caller's clinic, changed by nobody else until the unit ends."""
    compartment = compartments.pseudonym(services.vault, patient_id)
    wanted = select(Compartment).where(col(Compartment.id) == compartment).with_for_update()
    found = session.exec(wanted).one_or_none()
    if found is None or found.tenant != caller.tenant:
        raise NotFound
    return compartment


def _note(
    session: Session, services: Services, caller: Caller, patient_id: str, *, compartment: str, said: str
) -> None:
    access = Access(Action.OPERATION, "Patient", patient_id, compartment=compartment, query=said)
    audit.record(services.vault, session, caller, access=access, recorded=services.clock.now())


def _tell(
    session: Session, services: Services, tenant: str, patient_id: str, *, kept: Restriction, method: Method
) -> None:
    office = Office(services.vault, services.record, services.clock)
    try:
        patient = recipient_of(services.record.read(session, platform(tenant), "Patient", patient_id).data)
    except (NotFound, Gone):
        return
    id, moment = secrets.token_hex(16), kept.since if method is Method.RESTRICTED else kept.until
    blank = Content.about(method, id, start=moment, end=moment, made=now_to_the_second(office.clock.now()))
    content = replace(blank, mail=patient.mail, name=patient.name, address=patient.address, language=patient.language)
    visit = Visit(id, tenant, patient_id, tenant, kept.compartment, start=moment, end=moment, sequence=0)
    tell(session, office, visit, content, channels=[Channel.MAIL if patient.mail else Channel.LETTER])
