"""How a tenant's log grows: new rows become leaves behind those that are there, and the new root is signed.

Part of the work of the sequencer (`sequencer.py`); nothing here is asked by a request.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, exists, insert, select
from sqlmodel import Session

from fhir.audit import AUDIT
from fhir.ledger import leaves
from fhir.ledger.keys import SigningKey, alone, origin
from fhir.ledger.models import CHECKPOINT, LEAF, NODE
from infra.checkpoints import Checkpoint, CheckpointBroken, opened, signed
from infra.merkle import HASH, Frontier, leaf_hash
from infra.statements import Statement

# Every eighth height is stored: 1/256 more rows, and no proof reads more than 256 hashes of one height.
STORED_HEIGHTS: Final = 8
_ADD_LEAF: Final = Statement(insert(LEAF), columns=LEAF.c.keys())
_ADD_NODE: Final = Statement(insert(NODE), columns=NODE.c.keys())


class State(NamedTuple):
    """The newest checkpoint of a tenant's log, as it is stored."""

    size: int
    note: str
    peaks: bytes


NOTHING: Final = State(0, "", b"")


class LogBroken(Exception):  # noqa: N818  # named for what happened, like problems
    """The newest checkpoint is not ours, or does not fit what stands beside it. Nothing is signed on top of it."""


@dataclass(frozen=True, slots=True)
class Growth:
    """What is written when a tenant's log grows."""

    tenant: str
    before: State
    after: State
    leaves: Sequence[dict[str, Any]]
    nodes: Sequence[dict[str, Any]]


def waiting(session: Session, *, since: int, limit: int, without: Sequence[str] = ()) -> list[leaves.Row]:
    """The rows that are no leaves yet, from a row id on, in the order of their ids."""
    # By their ids they were made in order, but not committed in order: "after the last one" would miss some for ever.
    statement = select(*leaves.columns()).where(AUDIT.c.id >= since, is_waiting(since))
    if without:
        statement = statement.where(AUDIT.c.tenant.not_in(without))
    found = session.connection().execute(statement.order_by(AUDIT.c.id).limit(limit))
    return [tuple(row) for row in found]


def is_waiting(since: int) -> ColumnElement[bool]:
    """A filter for rows of the log that are no leaves yet; `since` again, so that the index is read in part only."""
    return ~exists(select(LEAF.c.event).where(LEAF.c.event == AUDIT.c.id, LEAF.c.event >= since))


def newest(session: Session, tenant: str) -> State:
    """The newest checkpoint of a tenant's log; `NOTHING` where there is none yet."""
    statement = select(CHECKPOINT.c.size, CHECKPOINT.c.note, CHECKPOINT.c.peaks).where(CHECKPOINT.c.tenant == tenant)
    row = session.connection().execute(statement.order_by(CHECKPOINT.c.size.desc()).limit(1)).first()
    return NOTHING if row is None else State(*row)


def tenants(session: Session) -> list[str]:
    """Whose logs have a checkpoint."""
    return list(session.connection().execute(select(CHECKPOINT.c.tenant).distinct()).scalars())


def frontier(state: State) -> Frontier:
    """The tree to grow on."""
    if len(state.peaks) != HASH * state.size.bit_count():
        raise LogBroken
    return Frontier(state.size, [state.peaks[at : at + HASH] for at in range(0, len(state.peaks), HASH)])


def confirmed(tenant: str, state: State, keys: Sequence[SigningKey]) -> State:
    """The state itself; `LogBroken` unless we have signed exactly this."""
    if state == NOTHING:
        return state
    try:
        said = opened(state.note, [key.public for key in keys])
    except CheckpointBroken as error:
        raise LogBroken from error
    if said not in [Checkpoint(origin(key.name, tenant), state.size, frontier(state).root()) for key in keys]:
        raise LogBroken
    return state


def grown(rows: Sequence[leaves.Row], before: State, key: SigningKey) -> Growth:
    """The growth of one tenant's log by these rows."""
    tenant, tree = leaves.tenant_of(rows[0]), frontier(before)
    made, nodes = list[dict[str, Any]](), list[dict[str, Any]]()
    for row in rows:
        hashed = leaf_hash(leaves.leaf(row))
        made.append({"tenant": tenant, "place": tree.size, "event": leaves.event_of(row), "hash": hashed})
        closed = tree.append(hashed)
        for height in range(STORED_HEIGHTS, len(closed), STORED_HEIGHTS):
            place = (tree.size >> height) - 1
            nodes.append({"tenant": tenant, "height": height, "place": place, "hash": closed[height]})
    note = signed(Checkpoint(origin(key.name, tenant), tree.size, tree.root()), key.private)
    return Growth(tenant, before, State(tree.size, note, b"".join(tree.peaks)), made, nodes)


def by_tenant(rows: Sequence[leaves.Row]) -> Iterator[list[leaves.Row]]:
    """The rows of each tenant, in the order they came in."""
    for _, group in groupby(sorted(rows, key=leaves.tenant_of), key=leaves.tenant_of):
        yield list(group)


def add(session: Session, growths: Sequence[Growth], *, now: datetime) -> bool:
    """True if the logs have grown; False, and nothing was done, if another sequencer has made them grow."""
    alone(session)
    if any(newest(session, growth.tenant) != growth.before for growth in growths):
        return False
    for growth in growths:
        _ADD_LEAF.run_each(session, growth.leaves)
        _ADD_NODE.run_each(session, growth.nodes)
        checkpoint = growth.after._asdict() | {"tenant": growth.tenant, "made": now}
        session.connection().execute(insert(CHECKPOINT).values(checkpoint))
    return True
