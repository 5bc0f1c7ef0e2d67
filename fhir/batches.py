"""Carrying out a batch: a row of independent requests, a few at a time. https://hl7.org/fhir/R4/http.html#brules

Each entry is atomic by itself, and nothing else of a batch is (README.md, decision "a batch is many units"). So a unit takes
as many entries as fit into a slice of time, and others have their turn before the next.
"""

import time
from collections.abc import Sequence
from typing import Final

from fhir.carrying import Check, Done, Worker
from fhir.entries import Entry, located
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
            new = _new(following)
            if new:
                done += _created(worker, new)
            elif done and isinstance(following[0], Entry) and following[0].is_long:
                break  # it begins the next slice, when most of it was done beside the writer
            else:
                done.append(worker.alone(following[0]))
    return done


def _new(entries: Sequence[Entry | Problem]) -> list[Entry]:
    """The entries in front that create without a condition, as far as they are ready to be written together."""
    found: list[Entry] = []
    size = 0
    for entry in entries[:TOGETHER]:
        if isinstance(entry, Problem) or entry.draft is None or entry.query is not None:
            break
        size += len(entry.draft.body)
        if found and size > MOST_BYTES:
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
