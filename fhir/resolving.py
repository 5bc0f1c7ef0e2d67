"""What the criteria in a transaction come to, before anything of it is carried out; from then on it stays so.

What they match is held, and what they match nothing for is claimed. So the links between the entries and what is done
afterwards are about the same resources, whatever others write. Conditional interactions look among the resources of the
caller's own tenant, conditional references among all that the caller may see. https://hl7.org/fhir/R4/http.html#trules
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session

from fhir import audit, conditional, links, matched, preconditions, rows
from fhir.audit import Access
from fhir.choices import Choices
from fhir.conditional import SeveralMatches
from fhir.entries import KEPT, Entry, SameTwice, twice
from fhir.here import relative
from fhir.ids import new_row_id
from fhir.located import located
from fhir.models import KNOWN
from fhir.policy import Action
from fhir.rows import Stored
from fhir.store import CLAIM_TRIES, ChangedMeanwhile, Store
from infra.caller import Caller
from infra.problems import BadRequest, NotFound, Problem

MOST_ASKED: Final = 500
MOST_MET: Final = 100  # before the transaction the criteria matched nothing

Found = Mapping[int, Sequence[Stored]]


class TooManyCriteria(BadRequest):
    """A transaction has at most 500 different conditional references."""

    issue = "too-costly"


class NotAType(BadRequest):
    """A conditional reference names a resource type that is not served here. See /fhir/metadata for those that are."""

    issue = "not-supported"


class NoMatch(Problem):
    """No resource that you may see matches a conditional reference. Create it first, or correct the criteria."""

    status, issue = 412, "not-found"


class MetByAnother(SameTwice):
    """The criteria of an entry match what another entry of the transaction writes. Refer to that entry instead."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What is to be done: by ids alone, but for creates and deletes of what is there.

    `found` is what the criteria of an entry match, by its index; `claimed` the row to be made where that is nothing.
    """

    entries: tuple[Entry, ...]
    found: Found
    claimed: Mapping[int, int]
    links: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Resolver:
    """Who resolves the criteria of a transaction, and where. `trace` is told what is tried next."""

    store: Store
    session: Session
    caller: Caller
    choices: Choices
    trace: Callable[[Access], None]

    def resolve(self, entries: Sequence[Entry]) -> Resolved:
        """What the entries come to; 400 if two of them are about the same resource."""
        for _ in range(CLAIM_TRIES):
            found: dict[int, Sequence[Stored]] = {}
            bound = tuple(self._bound(entry, found) for entry in entries)
            deleted = _refuse_overlaps(entries, bound, found)
            changed = [
                one for entry in bound if entry.action is not Action.CREATE for one in found.get(entry.index, ())
            ]
            claimed = self._claimed(entries, found) if rows.hold(self.session, changed) else None
            if claimed is not None:
                break
            # Somebody was quicker. What is held by now stays as it is, so the next look finds it so.
        else:
            raise ChangedMeanwhile
        both = zip(entries, bound, strict=True)
        known = {came.reference: entry.reference for came, entry in both if came.is_conditional and came.id}
        return Resolved(bound, found, claimed, known | self._referred(bound, deleted))

    def refuse_met(self, entries: Sequence[Entry], claimed: Collection[int], written: Mapping[str, int]) -> None:
        """Nothing; 400 if criteria that nothing matched now match what another entry wrote: reference, and its index.

        Whether that is one resource or two would depend on the order, and the next time the criteria match several.
        """
        writing = set(written.values())
        types = Counter(entry.type for entry in entries if entry.index in writing)
        for entry in entries:
            if entry.index not in claimed or types[entry.type] == 1 or entry.query is None:
                continue
            with located(entry.index):
                matching = self.store.own_matches(self.session, self.caller, query=entry.query, most=MOST_MET)
            others = [
                written[one.reference] for one in matching if written.get(one.reference, entry.index) != entry.index
            ]
            if others:
                raise twice(entry.index, others[0], MetByAnother)

    def _bound(self, entry: Entry, found: dict[int, Sequence[Stored]]) -> Entry:
        """The entry with the id of what its criteria match; where it is nothing, of what will be made."""
        self.trace(Access(entry.action, entry.type, None if entry.query is not None else entry.id))
        if not entry.is_conditional:
            return entry
        with located(entry.index):
            found[entry.index] = matching = self._matching(entry)
            present = matching[0] if matching else None
            if entry.action is Action.DELETE:
                return entry
            if entry.action is Action.CREATE:
                return entry if present is None else entry._replace(id=present.id)
            if entry.action is Action.PATCH:
                if present is None:
                    raise NotFound
                return entry._replace(id=present.id, query=None)
            assert entry.parsed is not None
            chosen = matched.chosen_id(entry.parsed, present, if_match=entry.if_match, choices=self.choices)
            if present is None and chosen is None:
                return entry._replace(action=Action.CREATE)
            return entry._replace(id=chosen if present is None else present.id, query=None)

    def _matching(self, entry: Entry) -> Sequence[Stored]:
        store, session, caller, query = self.store, self.session, self.caller, entry.query
        assert query is not None
        if entry.action is Action.DELETE:
            return matched.deletable(store, session, caller, query=query, if_match=entry.if_match, choices=self.choices)
        present = store.own_match(session, caller, query=query)
        return () if present is None else (present,)

    def _claimed(self, entries: Sequence[Entry], found: Found) -> dict[int, int] | None:
        """The rows that are to be made for criteria that match nothing; None if something matches by now."""
        store, session, caller = self.store, self.session, self.caller
        claims = []
        for entry in entries:
            if entry.query is not None and entry.action in (Action.CREATE, Action.UPDATE) and not found[entry.index]:
                token = conditional.criteria_token(store.vault, caller, entry.query)
                claims.append((token, new_row_id(), entry))
        # In one order by all transactions: each waits for the one before it, none for one behind it.
        for _, rid, entry in sorted(claims, key=lambda claim: claim[:2]):
            assert entry.query is not None
            if not store.claimed(session, caller, query=entry.query, rid=rid):
                return None
        return {entry.index: rid for _, rid, entry in claims}

    def _referred(self, entries: Sequence[Entry], deleted: Mapping[str, int]) -> dict[str, str]:
        """What the conditional references lead to."""
        known: dict[str, str] = {}
        for entry in entries:
            if entry.parsed is None or entry.type == KEPT:
                continue
            for link in links.criteria(entry.parsed.raw.decode()):
                if link in known:
                    continue
                if len(known) == MOST_ASKED:
                    raise TooManyCriteria
                with located(entry.index):
                    known[link] = self._target(link)
                    if known[link] in deleted:
                        raise NoMatch
        return known

    def _target(self, link: str) -> str:
        type, _, text = relative(link).partition("?")
        if type not in KNOWN:
            raise NotAType
        query = preconditions.sought(type, text)
        self.trace(Access(Action.SEARCH, type))
        matching = self.store.matches(self.session, self.caller, query=query, most=2)
        self.store.log_search(self.session, self.caller, query, shown=audit.seen(matching))
        if len(matching) > 1:
            raise SeveralMatches
        if not matching:
            raise NoMatch
        return matching[0].reference


def _refuse_overlaps(entries: Sequence[Entry], bound: Sequence[Entry], found: Found) -> dict[str, int]:
    """What is deleted, and by which entry; 400 if two entries are about the same resource."""
    changed: dict[object, int] = {}
    deleted: dict[str, int] = {}
    for came, entry in zip(entries, bound, strict=True):
        matching = found.get(entry.index)
        keys: list[object] = []
        if entry.action is Action.DELETE:
            references = [entry.reference] if matching is None else [stored.reference for stored in matching]
            deleted |= dict.fromkeys(references, entry.index)
            keys += references
        elif entry.action in (Action.UPDATE, Action.PATCH):
            keys.append(entry.reference)
        if came.query is not None and not matching and came.action in (Action.CREATE, Action.UPDATE):
            # What nothing matches is new, and two with the same criteria would be it twice.
            keys.append((came.type, *sorted(came.query.pairs)))
        for key in keys:
            first = changed.setdefault(key, entry.index)
            if first != entry.index:
                raise twice(first, entry.index)
    for entry in bound:
        for stored in found.get(entry.index, ()) if entry.action is Action.CREATE else ():
            if stored.reference in deleted:
                raise twice(deleted[stored.reference], entry.index)
    return deleted
