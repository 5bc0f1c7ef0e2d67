"""Everything about one patient: the resources of the patient compartment that the caller may see, page by page.

https://hl7.org/fhir/R4/patient-operation-everything.html
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Final

from sqlalchemy import ColumnElement, CompoundSelect, and_, false, or_, select, union

from fhir import compartments
from fhir.here import relative
from fhir.models import SERVED
from fhir.policy import Permit, admits
from fhir.room import FIRST, fitting, step
from fhir.rows import HEADS, RESOURCE, TOKEN, Stored, many, opened
from fhir.search.asking import Asker, Effort, Order, PageEnd
from fhir.search.blinding import blinded
from fhir.search.conditions import Condition, Target
from fhir.search.dates import Interval
from fhir.search.definitions import PARAMETERS
from fhir.search.extraction import extract
from fhir.search.hits import MOST_OPENED
from fhir.search.includes import CUT, MOST_INCLUDED, referred
from fhir.search.pages import Page
from fhir.search.query import simple
from infra.problems import Forbidden

STEP: Final = 200
_LAST_ROW: Final = 2**63 - 1
_REFERENCE: Final = re.compile(rb'"reference"\s*:\s*"([^"\\]{3,400})"')


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the record is wanted: these types (none: all), written since then, about this stretch of time."""

    types: frozenset[str]
    since: datetime | None
    care: Interval | None
    count: int


def everything(asker: Asker, patient: Stored, wanted: Wanted, *, after: PageEnd | None) -> Page:
    """A page of the patient's record: the patient first, then the newest; what they refer to outside of it beside them."""
    about = _about(asker, patient, wanted, after=after)
    first = [patient] if after is None and _is_wanted(patient, wanted) else []
    found, more = fitting(chain(first, about), wanted.count)
    following = PageEnd(Order.ROW, (), found[-1].rid if found[-1] is not patient else _LAST_ROW) if more else None
    beside, is_cut = fitting(_referred(asker, found, wanted), MOST_INCLUDED)
    return Page(tuple(found), None, following, tuple(beside), (CUT,) if is_cut else ())


def _about(asker: Asker, patient: Stored, wanted: Wanted, *, after: PageEnd | None) -> Iterator[Stored]:
    permits = _permits(asker, wanted.types)
    effort, below, full = Effort(MOST_OPENED), after.rid if after else _LAST_ROW, bool(permits)
    size = FIRST
    where = [RESOURCE.c.rid.in_(_rows(asker, patient, permits)), RESOURCE.c.deleted.is_(False), _clause(permits)]
    if wanted.since is not None:
        where.append(RESOURCE.c.last_updated >= wanted.since)
    while full:
        statement = HEADS.where(*where, RESOURCE.c.rid < below).order_by(RESOURCE.c.rid.desc()).limit(size)
        found = many(asker.session, statement)
        full, size = len(found) == size, step(found, size, most=STEP)
        for row in found:
            effort.spend(1)
            below = row.rid
            if row.rid != patient.rid and admits(permits[row.type], asker.session, asker.caller, row=row):
                stored = opened(asker.vault, row)
                if _is_wanted(stored, wanted) and permits[row.type].shows(stored):
                    yield stored


def _rows(asker: Asker, patient: Stored, permits: Iterable[str]) -> CompoundSelect[tuple[int]]:
    """The rows of the compartment: those filed in it, and those that name this patient beside others."""
    tokens = blinded(asker.vault, (token for type in permits for token in _naming(type, patient.reference)))
    filed = select(RESOURCE.c.rid).where(RESOURCE.c.compartment == compartments.pseudonym(asker.vault, patient.id))
    naming = select(TOKEN.c.rid).where(TOKEN.c.t.in_(tokens))
    # Not OR: PostgreSQL would read the whole table.
    return union(filed, naming)


def _naming(type: str, reference: str) -> Iterator[tuple[str, ...]]:
    for name in _compartment().get(type, ()):
        condition = Condition(PARAMETERS[type].parameters[name], (Target(frozenset({reference})),))
        for either in simple(type, conditions=(condition,)).tokens:
            yield from either


def _permits(asker: Asker, types: frozenset[str]) -> dict[str, Permit]:
    """The permits for the types that are wanted; a named type that is out of scope is told, others are left out."""
    if types:
        return {type: asker.permit(type) for type in sorted(types)}
    found: dict[str, Permit] = {}
    for type in (*_compartment(), *compartments.OURS):
        try:
            found[type] = asker.permit(type)
        except Forbidden:
            continue
    return found


def _clause(permits: dict[str, Permit]) -> ColumnElement[bool]:
    by_clause: dict[ColumnElement[bool], list[str]] = {}
    for type, permit in permits.items():
        by_clause.setdefault(permit.clause, []).append(type)
    # Who may see nothing finds nothing: an empty "or" would be no filter at all.
    return or_(false(), *(and_(RESOURCE.c.type.in_(types), clause) for clause, types in by_clause.items()))


def _is_wanted(stored: Stored, wanted: Wanted) -> bool:
    if wanted.types and stored.type not in wanted.types:
        return False
    if wanted.since is not None and stored.last_updated < wanted.since:
        return False
    date = PARAMETERS[stored.type].date
    # The date of a Patient is the birth, which is no date of care.
    if wanted.care is None or date is None or stored.type == "Patient":
        return True
    held = extract(stored.type, stored.data, (date.name,)).get(date.name, ())
    stretches = [value for value in held if isinstance(value, Interval)]
    # What names no date of care belongs to every stretch of time.
    return not stretches or any(one.start < wanted.care.end and wanted.care.start < one.end for one in stretches)


def _referred(asker: Asker, found: list[Stored], wanted: Wanted) -> Iterator[Stored]:
    """Practitioners, organizations, places and the like that the page refers to, so that it can be read alone."""
    beside = set(SERVED) - set(_compartment()) - set(compartments.OURS) - {"Patient"}
    held = {match.decode() for stored in found for match in _REFERENCE.findall(stored.body)}
    named = {relative(link).partition("/_history/")[0] for link in held}
    links = {link for link in named if (type := link.partition("/")[0]) in beside and _is_asked(type, wanted)}
    return referred(asker, links, effort=Effort(MOST_OPENED))


def _is_asked(type: str, wanted: Wanted) -> bool:
    return not wanted.types or type in wanted.types


@cache
def _compartment() -> dict[str, list[str]]:
    """The parameters that name the patient, by type: R4's patient compartment without patients linked to patients."""
    table: dict[str, list[str]] = json.loads((files("fhir.definitions") / "compartments.json").read_bytes())["patient"]
    return {type: names for type, names in table.items() if type in SERVED and type not in compartments.LEFT_OUT}
