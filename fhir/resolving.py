"""What the criteria in a transaction come to, before anything of it is carried out.

Conditional interactions look among the resources of the caller's own tenant, conditional references among all that the
caller may see. https://hl7.org/fhir/R4/http.html#trules
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from fhir import links, preconditions
from fhir.audit import Access
from fhir.conditional import SeveralMatches
from fhir.entries import Entry, SameTwice, located
from fhir.matched import MOST_DELETED
from fhir.models import require_served
from fhir.policy import Action
from fhir.rows import Stored
from fhir.store import Store
from infra.caller import Caller
from infra.problems import BadRequest, Problem

MOST_ASKED: Final = 500

Criteria = tuple[str | tuple[str, str], ...]  # a type and what is asked of it

_LOOKED_UP = (Action.CREATE, Action.UPDATE, Action.PATCH)


class TooManyCriteria(BadRequest):
    """A transaction has at most 500 different conditional references."""

    issue = "too-costly"


class NoMatch(Problem):
    """No resource that you may see matches a conditional reference. Create it first, or correct the criteria."""

    status, issue = 412, "not-found"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What conditional entries found, by their index (None: nothing), and the links that follow from that."""

    found: dict[int, Stored | None]
    links: dict[str, str]


def resolve(
    store: Store, session: Session, caller: Caller, entries: Sequence[Entry], trace: Callable[[Access], None]
) -> Resolved:
    """What the entries' criteria come to; 400 if two of them then change the same resource. `trace`: see `run`."""
    found: dict[int, Stored | None] = {}
    deleted: list[str] = []
    for entry in entries:
        trace(Access(entry.action, entry.type, None if entry.query is not None else entry.id))
        if entry.query is not None and entry.action in _LOOKED_UP:
            with located(entry.index):
                found[entry.index] = store.own_match(session, caller, query=entry.query)
        elif entry.action is Action.DELETE:
            deleted += _deleted(store, session, caller, entry)
    _refuse_overlaps(entries, found, deleted)
    known = {entry.reference: stored.reference for entry in entries if (stored := found.get(entry.index))}
    asked = 0
    for entry in entries:
        if entry.parsed is not None:
            for link in links.criteria(entry.parsed.raw.decode()):
                if link not in known:
                    asked += 1
                    if asked > MOST_ASKED:
                        raise TooManyCriteria
                    with located(entry.index):
                        trace(Access(Action.SEARCH, link.partition("?")[0]))
                        known[link] = _referred(store, session, caller, link)
                        if known[link] in deleted:
                            raise NoMatch
    return Resolved(found, known)


def _deleted(store: Store, session: Session, caller: Caller, entry: Entry) -> list[str]:
    """What an entry will delete; whether it may be several is decided when it does."""
    if entry.query is None:
        return [entry.reference]
    matching = store.own_matches(session, caller, query=entry.query, most=MOST_DELETED)
    return [stored.reference for stored in matching]


def _referred(store: Store, session: Session, caller: Caller, link: str) -> str:
    type, _, text = link.partition("?")
    query = preconditions.sought(require_served(type), text)
    matching = store.matches(session, caller, query=query, most=2)
    store.log_search(session, caller, query)
    if len(matching) > 1:
        raise SeveralMatches
    if not matching:
        raise NoMatch
    return matching[0].reference


def _refuse_overlaps(entries: Sequence[Entry], found: dict[int, Stored | None], deleted: Sequence[str]) -> None:
    changed: Counter[str | Criteria] = Counter(deleted)
    for entry in entries:
        stored = found.get(entry.index)
        if entry.query is not None and entry.index in found and stored is None:
            # What nothing matches is new, and two with the same criteria would be it twice.
            changed[entry.type, *sorted(entry.query.pairs)] += 1
        elif entry.action in (Action.UPDATE, Action.PATCH):
            changed[stored.reference if stored else entry.reference] += 1
        elif stored is not None and stored.reference in deleted:
            raise SameTwice
    if any(count > 1 for count in changed.values()):
        raise SameTwice
