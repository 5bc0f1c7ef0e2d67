"""Carrying out a batch or transaction inside one atomic unit. https://hl7.org/fhir/R4/http.html#trules

A transaction happens as a whole or not at all. A batch is a row of independent requests, each on a savepoint of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from sqlmodel import Session

from fhir import bundles, codec, outcome
from fhir.audit import Access
from fhir.entries import Entry, Kind, batch, located, relinked, sent, transaction
from fhir.policy import Action
from fhir.rows import Stored
from fhir.store import ChangedMeanwhile, Store
from infra.caller import Caller
from infra.problems import Forbidden, NotFound, Problem

# DELETE, POST, PUT, GET is the order of the standard; patients come first, so that what is about them finds their record.
ORDER: Final = {Action.DELETE: 0, Action.CREATE: 2, Action.UPDATE: 3}
LAST: Final = 4


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
    body: bytes = b""  # of a search
    problem: Problem | None = None


Trace = Callable[[Access], None]


def plan(body: bytes) -> Plan:
    """The plan for a Bundle; a transaction with anything wrong in it is refused here."""
    kind, entries = sent(body)
    found = transaction(entries) if kind is Kind.TRANSACTION else batch(entries)
    return Plan(kind, tuple(found))


def run(
    store: Store, session: Session, caller: Caller, *, plan: Plan, base_url: str = "", trace: Trace = lambda _: None
) -> list[Done]:
    """What became of each entry, in the order of the Bundle. `trace` is told what is tried next."""
    worker = _Worker(store, session, caller, base_url, trace)
    if plan.kind is Kind.BATCH:
        return [worker.alone(entry) for entry in plan.entries]
    return worker.together([entry for entry in plan.entries if isinstance(entry, Entry)])


def answer(plan: Plan, done: list[Done], *, base_url: str, with_resources: bool) -> bytes:
    """The Bundle that answers; what was read is always in it, what was written only if it is asked for."""
    entries = [_entry(one, base_url=base_url, with_resources=with_resources) for one in done]
    return bundles.bundle(f"{plan.kind.value}-response", entries)


@dataclass(frozen=True, slots=True)
class _Worker:
    store: Store
    session: Session
    caller: Caller
    base_url: str
    trace: Trace

    def together(self, entries: list[Entry]) -> list[Done]:
        """All entries or none."""
        present = self._present(entries)
        relinks = {entry.reference: stored.reference for entry, stored in present}
        done: dict[int, Done] = {}
        for entry in sorted((relinked(entry, relinks) for entry in entries), key=_order):
            with located(entry.index):
                done[entry.index] = one = self._do(entry)
            found = entry.action is Action.CREATE and one.status == HTTPStatus.OK
            # Found only now: somebody was quicker, and the links of the others already name another id.
            if found and entry.reference not in relinks:
                raise ChangedMeanwhile
        return [done[entry.index] for entry in entries]

    def alone(self, entry: Entry | Problem) -> Done:
        """One entry of a batch; what goes wrong with it stays with it."""
        if isinstance(entry, Problem):
            return Done(entry.status, problem=entry)
        try:
            with self.store.vault.savepoint(self.session), located(entry.index):
                return self._do(entry)
        except (NotFound, Forbidden) as refusal:
            self.store.refused(self.session, self.caller, _access(entry))
            return Done(refusal.status, problem=refusal)
        except Problem as problem:
            return Done(problem.status, problem=problem)

    def _present(self, entries: list[Entry]) -> list[tuple[Entry, Stored]]:
        conditional = [entry for entry in entries if entry.action is Action.CREATE and entry.query is not None]
        found = [(entry, self._match(entry)) for entry in conditional]
        return [(entry, stored) for entry, stored in found if stored is not None]

    def _match(self, entry: Entry) -> Stored | None:
        assert entry.query is not None
        with located(entry.index):
            return self.store.own_match(self.session, self.caller, query=entry.query)

    def _do(self, entry: Entry) -> Done:
        self.trace(_access(entry))
        id = entry.id or ""
        match entry.action:
            case Action.CREATE:
                return self._create(entry)
            case Action.UPDATE:
                assert entry.parsed is not None
                stored = self.store.update(
                    self.session, self.caller, entry.type, id, entry.parsed, if_match=entry.if_match
                )
                return Done(HTTPStatus.OK, stored)
            case Action.DELETE:
                stored = self.store.delete(self.session, self.caller, entry.type, id, if_match=entry.if_match)
                return Done(HTTPStatus.NO_CONTENT, stored)
            case Action.VREAD:
                version = entry.version or 0
                return _read(self.store.vread(self.session, self.caller, entry.type, id, version=version))
            case Action.READ:
                return _read(self.store.read(self.session, self.caller, entry.type, id))
            case _:
                return self._search(entry)

    def _create(self, entry: Entry) -> Done:
        assert entry.parsed is not None
        new = self.store.draft(entry.parsed, id=entry.id)
        if entry.query is None:
            return Done(HTTPStatus.CREATED, self.store.add(self.session, self.caller, new))
        stored, created = self.store.create_unless(self.session, self.caller, new, query=entry.query)
        return Done(HTTPStatus.CREATED if created else HTTPStatus.OK, stored)

    def _search(self, entry: Entry) -> Done:
        assert entry.query is not None
        page = self.store.search(self.session, self.caller, entry.query)
        matches = [bundles.match(stored, self.base_url) for stored in page.entries]
        return Done(HTTPStatus.OK, body=bundles.bundle("searchset", matches, total=page.total))


def _read(stored: Stored) -> Done:
    return Done(HTTPStatus.OK, stored, body=stored.body)


def _order(entry: Entry) -> tuple[int, int]:
    first_patients = entry.action is Action.CREATE and entry.type == "Patient"
    return (1 if first_patients else ORDER.get(entry.action, LAST), entry.index)


def _access(entry: Entry) -> Access:
    return Access(entry.action, entry.type, None if entry.action is Action.CREATE else entry.id)


def _entry(done: Done, *, base_url: str, with_resources: bool) -> bundles.Entry:
    response: dict[str, Any] = {"status": f"{int(done.status)} {HTTPStatus(done.status).phrase}"}
    if done.problem is not None:
        response["outcome"] = outcome.outcome(done.problem)
        return bundles.Entry(parts={"response": response})
    if done.stored is None:
        return bundles.Entry(done.body, parts={"response": response})
    stored = done.stored
    if not stored.deleted:
        response["location"] = f"{base_url}/{stored.reference}/_history/{stored.version}"
    response |= {"etag": stored.etag, "lastModified": codec.instant(stored.last_updated)}
    resource = stored.body if with_resources or done.body else b""
    return bundles.Entry(resource, f"{base_url}/{stored.reference}", {"response": response})
