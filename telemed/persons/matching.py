"""How alike two Patients are: pure, explainable, no learning. A score from 0 to 1 and a grade.

http://hl7.org/fhir/R4/patient-operation-match.html, http://hl7.org/fhir/R4/extension-match-grade.html
"""

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from fhir.insurance import number_of

Patient = dict[str, Any]
# What agreement in one thing adds. Names and birth date together make "probable": twins share the date, not the name.
WEIGHTS: Final = {"family": 0.25, "given": 0.25, "birth_date": 0.35, "gender": 0.05, "contact": 0.05, "place": 0.05}
FULL_DATE: Final = len("2026-12-31")
# As names are written where the keyboard has no umlauts.
_SPELLINGS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa"})


class Grade(StrEnum):
    """http://terminology.hl7.org/CodeSystem/match-grade"""

    CERTAIN = "certain"
    PROBABLE = "probable"
    POSSIBLE = "possible"
    NOT = "certainly-not"


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two Patients are."""

    grade: Grade
    score: float


def likeness(one: Patient, other: Patient) -> Likeness:
    """How alike two Patients are; the same either way round."""
    numbers = number_of(one), number_of(other)
    if None not in numbers and numbers[0] != numbers[1]:
        return Likeness(Grade.NOT, 0.0)
    agreeing = _agreeing(one, other)
    score = round(sum(WEIGHTS[name] for name in agreeing), 2)
    born = one.get("birthDate"), other.get("birthDate")
    contradicted = None not in born and born[0] != born[1]
    if (None not in numbers or _identifiers(one) & _identifiers(other)) and not contradicted:
        return Likeness(Grade.CERTAIN, 1.0)
    if {"family", "given", "birth_date"} <= agreeing and not _other_gender(one, other):
        return Likeness(Grade.PROBABLE, score)
    if None not in numbers or ("birth_date" in agreeing and agreeing & {"family", "given"}):
        return Likeness(Grade.POSSIBLE, score)
    return Likeness(Grade.NOT, score)


def key_of(patient: Patient) -> tuple[str, str, str] | None:
    """Family name, first given name and full birth date, as they are compared; None if one of them is missing."""
    name: dict[str, Any] = next((each for each in _names(patient) if each.get("family") and each.get("given")), {})
    born = str(patient.get("birthDate") or "")
    key = plain(str(name.get("family", ""))), plain(str(next(iter(name.get("given", ())), ""))), born
    return key if all(key) and len(born) == FULL_DATE else None


def plain(name: str) -> str:
    """A name without case, accents, blanks and hyphens; umlauts as two letters."""
    spelt = unicodedata.normalize("NFC", name).casefold().translate(_SPELLINGS)
    return "".join(letter for letter in unicodedata.normalize("NFKD", spelt) if letter.isalnum())


def _agreeing(one: Patient, other: Patient) -> set[str]:
    found = {
        "family": (_families(one), _families(other)),
        "given": (_givens(one), _givens(other)),
        "birth_date": ({one.get("birthDate")}, {other.get("birthDate")}),
        "gender": ({one.get("gender")}, {other.get("gender")}),
        "contact": (_contacts(one), _contacts(other)),
        "place": (_places(one), _places(other)),
    }
    return {name for name, (left, right) in found.items() if (left & right) - {None, ""}}


def _names(patient: Patient) -> list[dict[str, Any]]:
    # A name of former times still tells who it is, but it is not the one to search by.
    return sorted(patient.get("name", ()), key=lambda name: name.get("use") in ("old", "maiden", "nickname"))


def _families(patient: Patient) -> set[str | None]:
    return {plain(name["family"]) for name in _names(patient) if name.get("family")}


def _givens(patient: Patient) -> set[str | None]:
    return {plain(given) for name in _names(patient) for given in name.get("given", ())[:1] if given}


def _contacts(patient: Patient) -> set[str | None]:
    return {plain(str(way.get("value", ""))) for way in patient.get("telecom", ())}


def _places(patient: Patient) -> set[str | None]:
    return {plain(str(address.get("postalCode", ""))) for address in patient.get("address", ())}


def _identifiers(patient: Patient) -> set[tuple[str, str]]:
    found = patient.get("identifier", ())
    return {(each["system"], each["value"]) for each in found if each.get("system") and each.get("value")}


def _other_gender(one: Patient, other: Patient) -> bool:
    told = {one.get("gender"), other.get("gender")} - {None, "unknown", "other"}
    return len(told) > 1
