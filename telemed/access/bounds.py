"""What a scope leaves of a type: only what meets a search (`?category=laboratory`), only what is about one patient.

A search is taken if it names tokens and references of the type alone: no chains, no `_has`, no control of the answer.
What it lets through is decided on the opened resource (`fhir.search.match`); the index only leaves out beforehand what
can't pass. https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html#finer-grained-resource-constraints-using-search-parameters
"""

from functools import lru_cache
from typing import Final, NamedTuple, Protocol

from sqlalchemy import ColumnElement, and_, or_, select

from fhir.models import SERVED
from fhir.policy import Action, Opened, Protected
from fhir.rows import RESOURCE, TOKEN
from fhir.search import parsing
from fhir.search.blinding import blinded
from fhir.search.controls import CONTROLS
from fhir.search.definitions import Kind
from fhir.search.match import matches
from fhir.search.query import Query
from infra.problems import Problem
from infra.vault import Vault

KINDS: Final = frozenset({Kind.TOKEN, Kind.REFERENCE})
MOST_CONDITIONS: Final = 5
# The log of accesses lies beside the record; what stands in it is not found by the index.
UNBOUND: Final = "AuditEvent"
# A past version stands in no index, and how many there were would tell of what is out of reach.
WITHOUT_PAST: Final = frozenset({Action.HISTORY, Action.HISTORY_TYPE})


class Bound(NamedTuple):
    """One way to be let in: about the patient in context, or about whomever; and what the resource has to meet."""

    of_patient: bool
    query: str


EVERYTHING: Final = Bound(of_patient=False, query="")


class Row(Protocol):
    """What of a row tells whom it is about."""

    @property
    def compartment(self) -> str | None:
        """Whose patient's record it belongs to, if to one."""
        ...


@lru_cache(maxsize=4096)
def restriction(type: str, query: str) -> Query | None:
    """The search that a scope is restricted by, or nothing if it is not one that is enforced here."""
    if type not in SERVED or type == UNBOUND or not query:
        return None
    try:
        pairs = parsing.pairs_of(query)
        asked = parsing.parse(type, pairs)
    except Problem:
        return None
    others = asked.ids is not None or asked.updated or asked.chains or asked.has
    if others or not 1 <= len(asked.conditions) == len(pairs) <= MOST_CONDITIONS:
        return None
    if any(name.partition(":")[0] in CONTROLS for name, _ in pairs):
        return None
    return asked if all(one.parameter.kind in KINDS for one in asked.conditions) else None


def usable(bounds: tuple[Bound, ...], *, action: Action, type: str) -> tuple[Bound, ...]:
    """Those of the bounds that can be kept to for this action on this type."""
    if type == UNBOUND:
        return ()
    return tuple(bound for bound in bounds if not (bound.query and action in WITHOUT_PAST))


def is_decided(bounds: tuple[Bound, ...], type: str) -> bool:
    """True if no row that passes `clause` can fail `shows`."""
    searches = [restriction(type, bound.query) for bound in bounds if bound.query]
    return all(search is not None and search.decided for search in searches)


def clause(bounds: tuple[Bound, ...], type: str, *, patient: str, vault: Vault) -> ColumnElement[bool]:
    """A filter that every row passes which one of the bounds lets in; `patient` is a compartment."""
    return or_(*(_one(bound, type, patient, vault) for bound in bounds))


def admits(bounds: tuple[Bound, ...], row: Row | Protected, *, patient: str) -> bool:
    """True if one of the bounds may let the row in, as far as the sealed row tells."""
    return any(not bound.of_patient or row.compartment == patient for bound in bounds)


def shows(bounds: tuple[Bound, ...], stored: Opened, *, patient: str) -> bool:
    """True if one of the bounds lets the opened resource in."""
    return any(
        (not bound.of_patient or stored.compartment == patient) and _meets(stored, bound.query) for bound in bounds
    )


def _one(bound: Bound, type: str, patient: str, vault: Vault) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [RESOURCE.c.rid.is_not(None)]
    if bound.of_patient:
        parts.append(RESOURCE.c.compartment == patient)
    search = restriction(type, bound.query)
    for either in search.tokens if search is not None else ():
        # Each by itself: a statement that is made once takes no lists.
        wanted = or_(*(TOKEN.c.t == token for token in sorted(blinded(vault, either))))
        held = select(TOKEN.c.rid).where(wanted, TOKEN.c.rid == RESOURCE.c.rid).limit(1)
        parts.append(held.correlate(RESOURCE).scalar_subquery().is_not(None))
    return and_(*parts)


def _meets(stored: Opened, query: str) -> bool:
    if not query:
        return True
    search = restriction(stored.type, query)
    return search is not None and matches(stored.type, stored.data, search)
