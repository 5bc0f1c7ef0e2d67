"""Which patient an app is about: those whom the clinician who is asked may see, found by name."""

from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from fhir.search import parsing
from fhir.store import Store
from infra.caller import Caller
from infra.problems import Forbidden, Gone, NotFound
from telemed.identity.users import User, UserKind
from telemed.visits import resource

MOST = 20
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Person:
    """A patient to choose."""

    id: str
    name: str
    birth_date: date | None


def caller_of_user(user: User) -> Caller:
    """The person themselves, without an app: all that their role can do, of a patient what is their own."""
    if user.kind is UserKind.PATIENT:
        return Caller(user.tenant, user.subject, user.role, frozenset({"patient/*.rs"}), patient=user.subject)
    return Caller(user.tenant, user.subject, user.role, frozenset({"user/*.cruds"}))


def find(session: Session, store: Store, user: User, *, name: str) -> list[Person]:
    """Those of this name whom the person may see, a screen full at most. Part of an atomic unit."""
    words = [("name", word) for word in name[:LONGEST_NAME].replace(",", " ").split()[:4]]
    if not words:
        return []
    asked = parsing.parse("Patient", [*words, ("_count", str(MOST)), ("_total", "none")])
    try:
        found = store.search(session, caller_of_user(user), asked).entries
    except Forbidden:
        return []
    return [Person(one.id, resource.name(one.data), resource.birth_date(one.data)) for one in found]


def person(session: Session, store: Store, user: User, *, id: str) -> Person | None:
    """The patient, if the person may see them."""
    try:
        data = store.read(session, caller_of_user(user), "Patient", id).data
    except (Forbidden, NotFound, Gone):
        return None
    return Person(id, resource.name(data), resource.birth_date(data))
