"""Joining Patients of two clinics. Each side says so by itself; until both have, neither learns anything of the other."""

from enum import StrEnum

from sqlmodel import Session, col, delete

from fhir import persons, rows
from fhir.policy import Action
from fhir.store import ChangedMeanwhile, Store
from fhir.tables import PersonLink
from infra.caller import Caller
from infra.problems import Gone, NotFound
from telemed.persons import questions
from telemed.persons.kept import LINK, joined, own, require_person
from telemed.persons.log import Kept, note
from telemed.persons.models import PersonQuestion
from telemed.persons.problems import ClinicUnknown, NotEnoughKnown, OwnClinic


class Said(StrEnum):
    """How far it has come."""

    ASKED = "asked"
    LINKED = "linked"
    APART = "apart"


def link(session: Session, store: Store, caller: Caller, *, patient_id: str, organization: str) -> Said:
    """`LINKED` if the other clinic has said the same of a Patient of its own, else `ASKED`, whoever it may know.

    Naming the clinic is what the patient tells; nothing here finds out which clinics know somebody.
    """
    require_person(caller)
    found, patient = own(session, store, caller, patient_id)
    _require_clinic(session, store, caller, organization)
    likeness = questions.likeness_token(store.vault, found.data)
    if likeness is None:
        raise NotEnoughKnown
    persons.alone(session)
    if any(other.tenant == organization for _, other in joined(session, patient.compartment)):
        return Said.LINKED
    now = store.clock.now()
    asking = [
        other
        for other, _ in questions.to(session, patient, likeness=likeness, now=now)
        if other.tenant == organization and agreeing(session, store, patient, other)
    ]
    # Of two who asked nobody can say which one is meant: that clinic has to merge them first.
    if len(asking) != 1:
        _ask(session, caller, patient, organization=organization, likeness=likeness, store=store)
        return Said.ASKED
    other = asking[0]
    _forget(session, patient.compartment, organization)
    _forget(session, other.compartment, patient.tenant)
    questions.allow(session, patient.compartment, [other.compartment])
    one, two = sorted((patient.compartment, other.compartment))
    persons.join(session, PersonLink(one=one, other=two, kind=LINK, since=now))
    for each in (patient, other):
        note(session, store, caller, patient=each, operation="$link")
    return Said.LINKED


def unlink(session: Session, store: Store, caller: Caller, *, patient_id: str, organization: str) -> Said:
    """`APART`: what joined this Patient with that clinic's by people's word is taken back, and so is an open question."""
    require_person(caller)
    _, patient = own(session, store, caller, patient_id)
    _require_clinic(session, store, caller, organization)
    persons.alone(session)
    _forget(session, patient.compartment, organization)
    for parted, other in joined(session, patient.compartment):
        if parted.kind == LINK and other.tenant == organization:
            persons.part(session, parted.one, parted.other)
            note(session, store, caller, patient=other, operation="$unlink")
    note(session, store, caller, patient=patient, operation="$unlink")
    return Said.APART


def refuse(session: Session, store: Store, caller: Caller, *, patient_id: str, organization: str) -> None:
    """Nothing; the clinic's question is not shown again, and whoever asked does not learn of the answer."""
    require_person(caller)
    found, patient = own(session, store, caller, patient_id)
    likeness = questions.likeness_token(store.vault, found.data) or ""
    asking = questions.to(session, patient, likeness=likeness, now=store.clock.now())
    questions.refuse(
        session, patient.compartment, [kept.compartment for kept, _ in asking if kept.tenant == organization]
    )
    note(session, store, caller, patient=patient, operation="$refuse")


def believe(session: Session, store: Store, caller: Caller, *, patient_id: str, apart: bool) -> Said:
    """Whether the Patient's number joins it with others: `APART` if not any more, `LINKED` if it does again.

    For a patient who has somebody else's number, or whose number somebody else has, whoever is wrong.
    """
    require_person(caller)
    found, patient = own(session, store, caller, patient_id)
    # Whoever corrects the number at this moment has the row first; then we have read an older one.
    if not rows.hold(session, [found]):
        raise ChangedMeanwhile
    stands = persons.own(store.vault, patient.id, found.data, apart=apart)
    persons.stand_for(session, patient.compartment, stands, apart=apart)
    note(session, store, caller, patient=patient, operation="$unlink" if apart else "$link")
    return Said.APART if apart else Said.LINKED


def agreeing(session: Session, store: Store, one: Kept, other: Kept) -> bool:
    """True unless both have insurance numbers, and different ones. Pseudonyms tell; nobody's record is opened for it."""
    stands = [persons.standing(session, each.compartment) for each in (one, other)]
    numbers = [
        stand.own
        for stand, each in zip(stands, (one, other), strict=True)
        if stand is not None and stand.own != persons.own(store.vault, each.id, {}, apart=True)
    ]
    return len(set(numbers)) < 2


def _require_clinic(session: Session, store: Store, caller: Caller, organization: str) -> None:
    if organization == caller.tenant:
        raise OwnClinic
    try:
        store.present(session, caller, Action.READ, type="Organization", id=organization)
    except (NotFound, Gone) as absent:
        raise ClinicUnknown from absent


def _ask(session: Session, caller: Caller, patient: Kept, *, organization: str, likeness: str, store: Store) -> None:
    _forget(session, patient.compartment, organization)
    session.add(
        PersonQuestion(
            compartment=patient.compartment,
            tenant=organization,
            asked_by=caller.subject,
            likeness=likeness,
            asked=store.clock.now(),
        )
    )
    session.flush()
    note(session, store, caller, patient=patient, operation="$ask")


def _forget(session: Session, compartment: str, tenant: str) -> None:
    asked = col(PersonQuestion.compartment) == compartment, col(PersonQuestion.tenant) == tenant
    session.exec(delete(PersonQuestion).where(*asked))
