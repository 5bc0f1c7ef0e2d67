"""One entry of a Bundle carried out inside a unit, as the interaction that it asks for would be by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NamedTuple

from sqlmodel import Session

from fhir import audit, bulk, costs, cursor, later, matched, preconditions, searchset, unresolved
from fhir.audit import Access
from fhir.choices import Choices
from fhir.codec import Parsed
from fhir.costs import Budget
from fhir.drafts import Draft
from fhir.entries import Entry, Searched
from fhir.located import located
from fhir.policy import Action
from fhir.rows import Stored
from fhir.search.asking import PageEnd
from fhir.search.pages import Page
from fhir.search.query import Query, Summary
from fhir.store import Change, ChangedMeanwhile, Store
from infra.caller import Caller
from infra.problems import Forbidden, Gone, NotFound, Problem, Unprocessable


class Done(NamedTuple):
    """What became of an entry."""

    status: int
    stored: Stored | None = None
    body: bytes = b""  # of a read or a search
    was_read: bool = False
    problem: Problem | None = None


NOTHING: Final[Mapping[int, int]] = MappingProxyType({})

Trace = Callable[[Access], None]
Check = tuple[int, later.Check]  # and the index of the entry it is about


def nowhere(_: Access) -> None:
    """Nothing; nobody is told what is tried next."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Carries out entries, one by one or new resources together.

    `left` says what a link to an entry is that a patch leaves behind; `trace` is told what is tried next.
    """

    store: Store
    session: Session
    caller: Caller
    budget: Budget
    left: type[Unprocessable]
    base_url: str = ""
    choices: Choices = Choices()  # noqa: RUF009  # frozen
    trace: Trace = nowhere

    def alone(self, entry: Entry | Problem) -> Done:
        """One entry of a batch; what goes wrong with it stays with it."""
        if isinstance(entry, Problem):
            return Done(entry.status, problem=entry)
        try:
            with self.store.vault.savepoint(self.session), located(entry.index):
                return self.do(entry, None)
        except Problem as problem:
            self.budget.fail(problem)
            if isinstance(problem, NotFound | Forbidden):
                self.store.refused(self.session, self.caller, _access(entry))
            return Done(problem.status, problem=problem.kept())

    def added(
        self, entries: Sequence[Entry], checks: list[Check], *, claimed: Mapping[int, int] = NOTHING
    ) -> dict[int, Done]:
        """What became of the entries that create: their rows go in together, then each is told to the hooks.

        `claimed` are the rows to be made, by the index of the entry, for which criteria are claimed already.
        """
        drafts = []
        permitted: set[str] = set()
        for entry in entries:
            with located(entry.index):
                self.trace(_access(entry))
                self.budget.begin()
                if entry.type not in permitted:
                    self.store.policy.permit(self.caller, Action.CREATE, entry.type)
                    permitted.add(entry.type)
                draft = drafted(self.store, entry)
                drafts.append(draft._replace(rid=claimed[entry.index]) if entry.index in claimed else draft)
        stored = bulk.add(self.store, self.session, self.caller, drafts)
        for entry, draft, made in zip(entries, drafts, stored, strict=True):
            with located(entry.index), later.putting_off() as waiting:
                self.budget.answer(len(made.body))
                self.store.told(self.session, self.caller, Change(made.type, made.id, None, draft.data, made))
            checks += [(entry.index, check) for check in waiting]
        return {entry.index: Done(HTTPStatus.CREATED, made) for entry, made in zip(entries, stored, strict=True)}

    def do(self, entry: Entry, found: Sequence[Stored] | None) -> Done:
        """What became of an entry; None was found for it where its criteria, if any, are still to be looked for."""
        self.trace(_access(entry))
        self.budget.begin()
        done = self._done(entry, found)
        self.budget.answer(len(done.body) if done.stored is None else len(done.stored.body))
        return done

    def _done(self, entry: Entry, found: Sequence[Stored] | None) -> Done:
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
        if found:
            # Shown in the answer, so it is read.
            try:
                return Done(HTTPStatus.OK, self.store.read(self.session, self.caller, entry.type, found[0].id))
            except Gone:  # deleted since it was found: looked for again, it will not be
                raise ChangedMeanwhile from None
        new = drafted(self.store, entry)
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
            changed = patch.applied(body)
            unresolved.refuse_urns(changed, self.left, before=body)
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
        store, session, caller = self.store, self.session, self.caller
        found = entry.found
        if found is None:
            found = searched(store, session, caller, entry=entry, base_url=self.base_url, budget=self.budget)
        store.log_search(session, caller, _resumed(store, caller, entry)[0], shown=found.shown)
        return Done(HTTPStatus.OK, body=found.body)


def drafted(store: Store, entry: Entry) -> Draft:
    """The new resource of an entry, ready to be written."""
    assert entry.parsed is not None
    draft = entry.draft or store.draft(entry.parsed, id=entry.id)
    costs.indexed(len(draft.tokens))
    return draft


def searched(
    store: Store, session: Session, caller: Caller, *, entry: Entry, base_url: str, budget: Budget
) -> Searched:
    """What a search comes to; it may not leave before the search is in the log."""
    query, after = _resumed(store, caller, entry)
    page = store.found(session, caller, query, after=after)
    if entry.without_body:
        return Searched(b"", audit.seen(page.resources))
    budget.require(_size(page, query))
    links = searchset.onward(store.vault, caller, query, base_url=base_url, page=page, after=after)
    return Searched(searchset.searchset(page, query, base_url=base_url, links=links), audit.seen(page.resources))


def _resumed(store: Store, caller: Caller, entry: Entry) -> tuple[Query, PageEnd | None]:
    assert entry.query is not None
    return cursor.resumed(store.vault, caller, entry.query)


def _size(page: Page, query: Query) -> int:
    """How large the resources of a page are; those of which only parts are sent count nothing yet."""
    is_whole = query.summary is Summary.RESOURCES and not query.elements
    return sum(len(stored.body) for stored in page.resources) if is_whole else 0


def _access(entry: Entry) -> Access:
    is_new = entry.action is Action.CREATE or entry.is_conditional
    return Access(entry.action, entry.type, None if is_new else entry.id)
