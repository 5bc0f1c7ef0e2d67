"""Carrying out a batch: a row of independent requests, a few at a time. https://hl7.org/fhir/R4/http.html#brules

Each entry is atomic by itself, and nothing else of a batch is (README.md, decision "a batch is many units"). So a unit takes
as many entries as fit into a slice of time, and others have their turn before the next.
"""

import time
from collections.abc import Sequence
from typing import Final

from fhir import costs
from fhir.carrying import Check, Done, Worker
from fhir.costs import Budget, Left
from fhir.entries import Entry
from fhir.located import located
from infra.problems import Problem

SLICE: Final = 0.05  # seconds; others wait for one entry more at most
TOGETHER: Final = 50  # new resources that are written in the same few statements
MOST_BYTES: Final = 262_144  # of those


def first(worker: Worker, entries: Sequence[Entry | Problem]) -> list[Done]:
    """What became of the first entries: as many as fit into a slice, one at least."""
    until = time.monotonic() + SLICE
    done: list[Done] = []
    with worker.budget.spending():
        while len(done) < len(entries) and (not done or time.monotonic() < until):
            following = entries[len(done) :]
            new = _new(following, worker.budget)
            if new:
                done += _created(worker, new)
            elif done and is_worth_a_slice(following[0], worker.budget.left):
                break
            else:
                done.append(worker.alone(following[0]))
    return done


def is_worth_a_slice(entry: Entry | Problem, left: Left) -> bool:
    """True if an entry begins a slice of its own, as most of its work can be done beside the writer before."""
    return isinstance(entry, Entry) and not entry.is_ready and not left.is_spent


def _new(entries: Sequence[Entry | Problem], budget: Budget) -> list[Entry]:
    """The entries in front that create without a condition, as far as they are ready and can be written together."""
    found: list[Entry] = []
    size, price = 0, 0
    for entry in entries[:TOGETHER]:
        if isinstance(entry, Problem) or entry.draft is None or entry.query is not None:
            break
        size += len(entry.draft.body)
        price += costs.of_new(len(entry.draft.body), len(entry.draft.tokens))
        if found and (size > MOST_BYTES or price > budget.left.effort):
            break
        found.append(entry)
    return found


def _created(worker: Worker, entries: list[Entry]) -> list[Done]:
    """What became of new resources: written together, or one by one if anything is wrong with one of them."""
    checks: list[Check] = []
    try:
        with worker.store.vault.savepoint(worker.session):
            done = worker.added(entries, checks)
            for index, check in checks:
                with located(index):
                    check()
    except Problem:
        return [worker.alone(entry) for entry in entries]
    return [done[entry.index] for entry in entries]
