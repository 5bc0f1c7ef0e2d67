"""Whom a search is about: the one patient that it names."""

from collections.abc import Iterator
from typing import Final

from fhir.search.conditions import Target
from fhir.search.query import Query

_PATIENT: Final = "Patient/"


def patient_of(query: Query) -> str | None:
    """The id of the one patient that a search names, there or not; None if it names nobody or several."""
    named = set(_named(query))
    return named.pop() if len(named) == 1 else None


def _named(query: Query) -> Iterator[str]:
    if query.type == "Patient" and query.ids is not None:
        yield from query.ids
    for condition in query.conditions:
        for value in condition.values if not condition.negated else ():
            if isinstance(value, Target):
                yield from (each.removeprefix(_PATIENT) for each in value.addresses if each.startswith(_PATIENT))
