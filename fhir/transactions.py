"""Carrying out a transaction inside one atomic unit: as a whole or not at all. https://hl7.org/fhir/R4/http.html#trules"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from sqlmodel import Session

from fhir import costs, later, unresolved
from fhir.carrying import Check, Done, Trace, Worker, nowhere
from fhir.choices import Choices
from fhir.costs import Budget, Left
from fhir.entries import Entry, Kind, batch, relinked, sent, transaction
from fhir.located import located
from fhir.policy import Action
from fhir.resolving import Resolved, Resolver
from fhir.store import Store
from infra.caller import Caller
from infra.problems import Problem

# DELETE, POST, PUT and PATCH, GET and HEAD: the order of the standard.
ORDER: Final = {Action.DELETE: 0, Action.CREATE: 1, Action.UPDATE: 2, Action.PATCH: 2}
LAST: Final = 3
CHANGING: Final = (Action.UPDATE, Action.PATCH)


@dataclass(frozen=True, slots=True)
class Plan:
    """A Bundle that was read and checked, ready to be carried out, and what it may still cost."""

    kind: Kind
    entries: tuple[Entry | Problem, ...]
    left: Left


def plan(body: bytes, *, base_url: str = "") -> Plan:
    """The plan for a Bundle; a transaction with anything wrong in it is refused here."""
    kind, entries = sent(body, base_url)
    found = transaction(entries) if kind is Kind.TRANSACTION else batch(entries)
    return Plan(kind, tuple(found), costs.whole())


def run(
    store: Store,
    session: Session,
    caller: Caller,
    *,
    plan: Plan,
    base_url: str = "",
    trace: Trace = nowhere,
    choices: Choices = Choices(),  # noqa: B008  # frozen
) -> list[Done]:
    """What became of each entry of a transaction, in the order of the Bundle. `trace` is told what is tried next."""
    budget = Budget(plan.left)
    worker = Worker(store, session, caller, budget, unresolved.NoSuchEntry, base_url, choices, trace)
    with budget.spending():
        return _together(worker, [entry for entry in plan.entries if isinstance(entry, Entry)])


def _together(worker: Worker, entries: list[Entry]) -> list[Done]:
    """All entries or none."""
    resolver = Resolver(worker.store, worker.session, worker.caller, worker.choices, worker.trace)
    resolved = resolver.resolve(entries)
    linked = [relinked(entry, resolved.links) for entry in resolved.entries]
    new = [entry for entry in linked if _creates(entry, resolved)]
    done: dict[int, Done] = {}
    checks: list[Check] = []
    for entry in sorted((entry for entry in linked if not _creates(entry, resolved)), key=_order):
        # Deletes come first, then all new resources at once, then what may be about them.
        if new and entry.action is not Action.DELETE:
            done |= worker.added(new, checks, claimed=resolved.claimed)
            new = []
        with located(entry.index), later.putting_off() as waiting:
            done[entry.index] = worker.do(entry, resolved.found.get(entry.index))
        checks += [(entry.index, check) for check in waiting]
    done |= worker.added(new, checks, claimed=resolved.claimed)
    resolver.refuse_met(entries, resolved.claimed, _written(linked, done))
    for index, check in checks:
        with located(index):
            check()
    return [done[entry.index] for entry in entries]


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
