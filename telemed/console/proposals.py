"""Who else could be this patient, for whom may say so: duplicates of the clinic, questions of others, what is joined."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from fhir.search import parsing
from fhir.store import Store
from infra.caller import Caller
from infra.database import Session
from infra.problems import Forbidden, NotFound
from telemed.console.directory import by_id
from telemed.persons import kept, linking, questions
from telemed.persons.candidates import candidates
from telemed.persons.kept import CONFIRMING, LINK, MERGE
from telemed.persons.log import Kept, note
from telemed.persons.matching import Grade
from telemed.visits import resource

MOST_CLINICS: Final = 100
SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Other:
    """A Patient of the own clinic (`patient`), or another clinic (`clinic`)."""

    kind: str
    id: str
    name: str
    birth_date: date | None = None


@dataclass(frozen=True, slots=True)
class Proposals:
    """What there is to decide, and what is decided."""

    proposed: tuple[Other, ...] = ()
    joined: tuple[Other, ...] = ()


def proposals(session: Session, store: Store, caller: Caller, *, patient_id: str) -> Proposals:
    """What this caller may decide about the patient; nothing for other roles and other clinics' patients."""
    if caller.role not in CONFIRMING:
        return Proposals()
    try:
        found, patient = kept.own(session, store, caller, patient_id)
    except (NotFound, Forbidden):
        return Proposals()
    joined = kept.joined(session, patient.compartment)
    no = questions.refused(session, patient.compartment) | {other.compartment for _, other in joined}
    likeness = questions.likeness_token(store.vault, found.data) or ""
    asking = [
        other.tenant
        for other, _ in questions.to(session, patient, likeness=likeness, now=store.clock.now())
        if other.compartment not in no and linking.agreeing(session, store, patient, other)
    ]
    linked = [other.tenant for link, other in joined if link.kind == LINK]
    merged = {other.id for link, other in joined if link.kind == MERGE}
    clinics = by_id(session, store, caller, type="Organization", ids={*asking, *linked})
    patients = by_id(session, store, caller, type="Patient", ids=merged)
    twins = _twins(session, store, caller, patient=patient, data=found.data, no=no)
    return Proposals(
        (*twins, *(_clinic(id, clinics) for id in dict.fromkeys(asking))),
        (*(_patient(id, data) for id, data in patients.items()), *(_clinic(id, clinics) for id in linked)),
    )


def clinics(session: Session, store: Store, caller: Caller, *, besides: Proposals) -> list[Other]:
    """The clinics that can be asked, by name."""
    asked = parsing.parse("Organization", [("_count", str(MOST_CLINICS)), ("_total", "none")])
    known = {other.id for other in (*besides.joined, *besides.proposed)} | {caller.tenant}
    found = {each.id: each.data for each in store.search(session, caller, asked).entries if each.id not in known}
    return sorted((_clinic(id, found) for id in found), key=lambda other: other.name)


def _twins(
    session: Session, store: Store, caller: Caller, *, patient: Kept, data: dict[str, Any], no: set[str]
) -> list[Other]:
    """The own clinic's Patients that are probably this one, and have not been replaced by another."""
    shown = []
    for each in candidates(session, store, caller, patient=data):
        other = Kept(each.stored.id, each.stored.compartment or "", each.stored.tenant)
        if other.id == patient.id or other.tenant != caller.tenant or other.compartment in no:
            continue
        if each.like.grade in (Grade.CERTAIN, Grade.PROBABLE) and each.stored.data.get("active") is not False:
            note(session, store, caller, patient=other, operation="$match")
            shown.append(_patient(other.id, each.stored.data))
    return shown[:SHOWN]


def _patient(id: str, data: dict[str, Any]) -> Other:
    return Other("patient", id, resource.name(data), resource.birth_date(data))


def _clinic(id: str, found: dict[str, dict[str, Any]]) -> Other:
    return Other("clinic", id, resource.name(found.get(id, {})) or id)
