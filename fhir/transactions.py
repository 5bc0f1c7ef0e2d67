"""Carrying out a batch or transaction inside one atomic unit. https://hl7.org/fhir/R4/http.html#trules

A transaction happens as a whole or not at all. A batch is a row of independent requests, each on a savepoint of its own.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from sqlmodel import Session

from fhir import bulk, bundles, codec, cursor, later, matched, outcome, preconditions, searchset, unresolved
from fhir.audit import Access
from fhir.choices import Choices
from fhir.codec import Parsed
from fhir.drafts import Draft, TooMuchToIndex
from fhir.entries import MOST_ISSUES, Entry, Kind, batch, located, relinked, sent, transaction
from fhir.policy import Action
from fhir.preferences import Returning
from fhir.resolving import Resolved, Resolver
from fhir.rows import Stored
from fhir.search.asking import Effort, sharing
from fhir.store import Change, ChangedMeanwhile, Store
from infra.caller import Caller
from infra.problems import Forbidden, Gone, NotFound, Problem, Unprocessable

# DELETE, POST, PUT and PATCH, GET and HEAD: the order of the standard.
ORDER: Final = {Action.DELETE: 0, Action.CREATE: 1, Action.UPDATE: 2, Action.PATCH: 2}
LAST: Final = 3
CHANGING: Final = (Action.UPDATE, Action.PATCH)
# A Bundle holds the one writer; one that asks for costly things again and again ends here.
MOST_SECONDS: Final = 30.0
MOST_OPENED: Final = 30_000  # resources that all criteria and searches of a Bundle open: about two seconds
MOST_PATCHED: Final = 10_485_760  # bytes of all patched resources: as many as a Bundle could bring along
_LEFT: Final = {Kind.TRANSACTION: unresolved.NoSuchEntry, Kind.BATCH: unresolved.NotInABatch}
MOST_TOKENS: Final = 100_000  # of all new resources; 2,000 usual ones have 40,000


@dataclass(frozen=True, slots=True)
class Plan:
    """A Bundle that was read and checked, ready to be carried out."""

    kind: Kind
    entries: tuple[Entry | Problem, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an entry."""

    status: int
    stored: Stored | None = None
    body: bytes = b""  # of a read or a search
    was_read: bool = False
    problem: Problem | None = None


Trace = Callable[[Access], None]


class TooMuchPatched(Unprocessable):
    """The patches of this Bundle change more than 10 MiB of resources. Send fewer of them at once."""

    issue = "too-costly"


class Room:
    """What the patches of a Bundle may still change, in bytes: each is applied while nobody else can write."""

    __slots__ = ("left",)

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, size: int) -> None:
        """Nothing; that much less is left, `TooMuchPatched` if it was not there."""
        self.left -= size
        if self.left < 0:
            raise TooMuchPatched


class TookTooLong(Unprocessable):
    """The entries of this Bundle take too long together. Send fewer of them, or searches that select more."""

    issue = "too-costly"


def plan(body: bytes, *, base_url: str = "") -> Plan:
    """The plan for a Bundle; a transaction with anything wrong in it is refused here."""
    kind, entries = sent(body, base_url)
    found = transaction(entries) if kind is Kind.TRANSACTION else batch(entries)
    return Plan(kind, tuple(found))


def run(
    store: Store,
    session: Session,
    caller: Caller,
    *,
    plan: Plan,
    base_url: str = "",
    trace: Trace = lambda _: None,
    choices: Choices = Choices(),  # noqa: B008  # frozen
) -> list[Done]:
    """What became of each entry, in the order of the Bundle. `trace` is told what is tried next."""
    until, room = time.monotonic() + MOST_SECONDS, Room(MOST_PATCHED)
    worker = _Worker(store, session, caller, base_url, trace, choices, until, plan.kind, room)
    with sharing(Effort(MOST_OPENED)):
        if plan.kind is Kind.BATCH:
            return [worker.alone(entry) for entry in plan.entries]
        return worker.together([entry for entry in plan.entries if isinstance(entry, Entry)])


def answer(plan: Plan, done: list[Done], *, base_url: str, returning: Returning) -> bytes:
    """The Bundle that answers; what was read is always in it, what was written only if it is preferred."""
    telling = outcome.Telling(MOST_ISSUES)
    entries = [_entry(one, telling, base_url=base_url, returning=returning) for one in done]
    return bundles.bundle(f"{plan.kind.value}-response", entries)


@dataclass(frozen=True, slots=True)
class _Worker:
    store: Store
    session: Session
    caller: Caller
    base_url: str
    trace: Trace
    choices: Choices
    until: float
    kind: Kind
    room: Room

    def together(self, entries: list[Entry]) -> list[Done]:
        """All entries or none."""
        resolver = Resolver(self.store, self.session, self.caller, self.choices, self.trace)
        resolved = resolver.resolve(entries)
        linked = [relinked(entry, resolved.links) for entry in resolved.entries]
        new = [entry for entry in linked if _creates(entry, resolved)]
        done: dict[int, Done] = {}
        checks: list[tuple[int, later.Check]] = []
        for entry in sorted((entry for entry in linked if not _creates(entry, resolved)), key=_order):
            # Deletes come first, then all new resources at once, then what may be about them.
            if new and entry.action is not Action.DELETE:
                done |= self._added(new, resolved, checks)
                new = []
            with located(entry.index), later.putting_off() as waiting:
                done[entry.index] = self._do(entry, resolved.found.get(entry.index))
            checks += [(entry.index, check) for check in waiting]
        done |= self._added(new, resolved, checks)
        resolver.refuse_met(entries, resolved.claimed, _written(linked, done))
        for index, check in checks:
            with located(index):
                check()
        return [done[entry.index] for entry in entries]

    def alone(self, entry: Entry | Problem) -> Done:
        """One entry of a batch; what goes wrong with it stays with it."""
        if isinstance(entry, Problem):
            return Done(entry.status, problem=entry)
        try:
            with self.store.vault.savepoint(self.session), located(entry.index):
                return self._do(entry, None)
        except (NotFound, Forbidden) as refusal:
            self.store.refused(self.session, self.caller, _access(entry))
            return Done(refusal.status, problem=refusal.kept())
        except Problem as problem:
            return Done(problem.status, problem=problem.kept())

    def _added(
        self, entries: list[Entry], resolved: Resolved, checks: list[tuple[int, later.Check]]
    ) -> dict[int, Done]:
        """What became of the entries that create: their rows go in together, then each is told to the hooks."""
        drafts = []
        permitted: set[str] = set()
        for entry in entries:
            with located(entry.index):
                self.trace(_access(entry))
                if entry.type not in permitted:
                    self.store.policy.permit(self.caller, Action.CREATE, entry.type)
                    permitted.add(entry.type)
                drafts.append(self._draft(entry, rid=resolved.claimed.get(entry.index)))
        if sum(len(draft.tokens) for draft in drafts) > MOST_TOKENS:
            raise TooMuchToIndex
        stored = bulk.add(self.store, self.session, self.caller, drafts)
        for entry, draft, made in zip(entries, drafts, stored, strict=True):
            with located(entry.index), later.putting_off() as waiting:
                self.store.told(self.session, self.caller, Change(made.type, made.id, None, draft.data, made))
            checks += [(entry.index, check) for check in waiting]
        return {entry.index: Done(HTTPStatus.CREATED, made) for entry, made in zip(entries, stored, strict=True)}

    def _draft(self, entry: Entry, *, rid: int | None) -> Draft:
        assert entry.parsed is not None
        draft = self.store.draft(entry.parsed, id=entry.id)
        return draft if rid is None else replace(draft, rid=rid)

    def _do(self, entry: Entry, found: Sequence[Stored] | None) -> Done:
        """What became of an entry; None was found for it where its criteria, if any, are still to be looked for."""
        self.trace(_access(entry))
        if time.monotonic() > self.until:
            raise TookTooLong
        match entry.action:
            case Action.CREATE:
                return self._create(entry, found)
            case Action.UPDATE:
                return self._update(entry)
            case Action.PATCH:
                return Done(HTTPStatus.OK, self._patch(entry))
            case Action.DELETE:
                return Done(HTTPStatus.NO_CONTENT, self._delete(entry, found))
            case Action.SEARCH:
                return self._search(entry)
        return self._read(entry)

    def _create(self, entry: Entry, found: Sequence[Stored] | None) -> Done:
        assert entry.parsed is not None
        if found:
            # Shown in the answer, so it is read.
            try:
                return Done(HTTPStatus.OK, self.store.read(self.session, self.caller, entry.type, found[0].id))
            except Gone:  # deleted since it was found: looked for again, it will not be
                raise ChangedMeanwhile from None
        new = self.store.draft(entry.parsed, id=entry.id)
        if entry.query is None:
            return Done(HTTPStatus.CREATED, self.store.add(self.session, self.caller, new))
        stored, created = self.store.create_unless(self.session, self.caller, new, query=entry.query)
        return Done(HTTPStatus.CREATED if created else HTTPStatus.OK, stored)

    def _update(self, entry: Entry) -> Done:
        store, session, caller = self.store, self.session, self.caller
        assert entry.parsed is not None and entry.id is not None
        if entry.query is not None:
            stored, created = matched.update(
                store,
                session,
                caller,
                entry.parsed,
                query=entry.query,
                if_match=entry.if_match,
                choices=self.choices,
            )
        else:
            stored, created = matched.put(
                store,
                session,
                caller,
                entry.type,
                entry.id,
                entry.parsed,
                if_match=entry.if_match,
                choices=self.choices,
            )
        return Done(HTTPStatus.CREATED if created else HTTPStatus.OK, stored)

    def _patch(self, entry: Entry) -> Stored:
        store, session, caller = self.store, self.session, self.caller
        patch, if_match = entry.patch, entry.if_match
        assert patch is not None

        def change(body: bytes) -> Parsed:
            self.room.take(len(body))
            changed = patch.applied(body)
            unresolved.refuse_urns(changed, _LEFT[self.kind], before=body)
            return changed

        if entry.query is not None:
            return matched.patch(store, session, caller, change, query=entry.query, if_match=if_match)
        return store.patch(session, caller, entry.type, entry.id or "", change, if_match=if_match)

    def _delete(self, entry: Entry, found: Sequence[Stored] | None) -> Stored | None:
        store, session, caller, if_match = self.store, self.session, self.caller, entry.if_match
        if entry.query is None:
            return store.delete(session, caller, entry.type, entry.id or "", if_match=if_match)
        if found is not None:
            deleted = [store.delete(session, caller, one.type, one.id, if_match=if_match) for one in found]
        else:
            choices = self.choices
            deleted = matched.delete(store, session, caller, query=entry.query, if_match=if_match, choices=choices)
        return deleted[0] if len(deleted) == 1 else None

    def _read(self, entry: Entry) -> Done:
        store, session, caller, id = self.store, self.session, self.caller, entry.id or ""
        if entry.action is Action.VREAD:
            stored = store.vread(session, caller, entry.type, id, version=entry.version or 0)
        else:
            stored = store.read(session, caller, entry.type, id)
        known = preconditions.is_known(
            stored.version, stored.last_updated, if_none_match=entry.if_none_match, since=entry.if_modified_since
        )
        status = HTTPStatus.NOT_MODIFIED if known else HTTPStatus.OK
        return Done(status, stored, body=b"" if known or entry.without_body else stored.body, was_read=True)

    def _search(self, entry: Entry) -> Done:
        assert entry.query is not None
        vault, base_url = self.store.vault, self.base_url
        query, after = cursor.resumed(vault, self.caller, entry.query)
        page = self.store.search(self.session, self.caller, query, after=after)
        links = searchset.onward(vault, self.caller, query, base_url=base_url, page=page, after=after)
        body = searchset.searchset(page, query, base_url=base_url, links=links)
        return Done(HTTPStatus.OK, body=b"" if entry.without_body else body)


def _creates(entry: Entry, resolved: Resolved) -> bool:
    """True if the entry's resource is new: no criteria found it, and no client chose its id."""
    return entry.action is Action.CREATE and not resolved.found.get(entry.index)


def _written(entries: Sequence[Entry], done: dict[int, Done]) -> dict[str, int]:
    """What was created and changed, and by which entry."""
    written: dict[str, int] = {}
    for entry in entries:
        stored, status = done[entry.index].stored, done[entry.index].status
        if stored is not None and (entry.action in CHANGING or status == HTTPStatus.CREATED):
            written[stored.reference] = entry.index
    return written


def _order(entry: Entry) -> tuple[int, str, int]:
    # Rows are locked in one order by all transactions, so that two that change the same resources don't wait for each
    # other; the standard gives entries of one method none.
    place = entry.reference if entry.action.changes else ""
    return ORDER.get(entry.action, LAST), place, entry.index


def _access(entry: Entry) -> Access:
    is_new = entry.action is Action.CREATE or entry.is_conditional
    return Access(entry.action, entry.type, None if is_new else entry.id)


def _entry(done: Done, telling: outcome.Telling, *, base_url: str, returning: Returning) -> bundles.Entry:
    response: dict[str, Any] = {"status": f"{int(done.status)} {HTTPStatus(done.status).phrase}"}
    if done.problem is not None:
        response["outcome"] = outcome.outcome(telling.told(done.problem))
        return bundles.Entry(parts=bundles.Parts({"response": response}))
    if done.stored is None:
        return bundles.Entry(done.body, parts=bundles.Parts({"response": response}))
    stored = done.stored
    if not stored.deleted:
        response["location"] = f"{base_url}/{stored.reference}/_history/{stored.version}"
    response |= {"etag": stored.etag, "lastModified": codec.instant(stored.last_updated)}
    if returning is Returning.OUTCOME and not done.was_read:
        response["outcome"] = outcome.outcome(outcome.Done())
    resource = stored.body if returning is Returning.REPRESENTATION and not done.was_read else done.body
    return bundles.Entry(resource, f"{base_url}/{stored.reference}", bundles.Parts({"response": response}))
