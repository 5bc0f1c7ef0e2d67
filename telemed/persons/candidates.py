"""Who could be the same person, among the Patients that the caller may find by searching. Nobody else is looked at."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from sqlmodel import Session

from fhir.rows import Stored
from fhir.search import parsing
from fhir.store import Store
from infra.caller import Caller
from telemed.persons.matching import Grade, Likeness, Patient, likeness

# As many as are looked at for each way of finding them; a person at a desk can't judge more either.
LOOKED_AT: Final = 50
IDENTIFIERS: Final = 5
_SPECIAL: Final = re.compile(r"([\\,|$])")


class Candidate(NamedTuple):
    """A Patient, and how alike it is."""

    stored: Stored
    like: Likeness


def candidates(session: Session, store: Store, caller: Caller, *, patient: Patient) -> list[Candidate]:
    """The Patients that are alike, the most alike first; the caller's policy decides which are asked."""
    found: dict[str, Stored] = {}
    for pairs in _ways(patient):
        query = parsing.parse("Patient", [*pairs, ("_total", "none")])
        found |= {each.id: each for each in store.matches(session, caller, query=query, most=LOOKED_AT)}
    judged = [Candidate(each, likeness(patient, each.data)) for each in found.values()]
    alike = [each for each in judged if each.like.grade is not Grade.NOT]
    return sorted(alike, key=lambda each: (-each.like.score, each.stored.id))


def _ways(patient: Patient) -> Iterator[list[tuple[str, str]]]:
    """The searches that find who could be alike: by identifier, and by names with the birth date."""
    for identifier in list(patient.get("identifier", ()))[:IDENTIFIERS]:
        if identifier.get("system") and identifier.get("value"):
            yield [("identifier", f"{_escaped(identifier['system'])}|{_escaped(identifier['value'])}")]
    born = patient.get("birthDate")
    names = patient.get("name", ())
    families = [("family", _escaped(name["family"])) for name in names if name.get("family")][:1]
    givens = [("given", _escaped(given)) for name in names for given in name.get("given", ())[:1] if given][:1]
    if born:
        for named in (*families, *givens):
            yield [named, ("birthdate", str(born))]


def _escaped(value: str) -> str:
    """The value so that a search takes none of its letters for a sign (https://hl7.org/fhir/R4/search.html#escaping)."""
    return _SPECIAL.sub(r"\\\1", value)
