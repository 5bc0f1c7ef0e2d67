"""The rows that a search looks at, in the order of its plan: every statement of a search is made here, with the permit.

Pages go by keys and never by OFFSET: a page costs the same wherever it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    String,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    tuple_,
)

from fhir import room
from fhir.policy import Permit, admits
from fhir.rows import HEADS, RESOURCE, TOKEN, SealedRow, Stored, many, within
from fhir.search import updated
from fhir.search.asking import Asker, Effort, Key, Order, PageEnd
from fhir.search.plans import Plan, Tokens, of_type
from fhir.search.query import Query
from infra.columns import UtcDateTime, from_microseconds, to_microseconds
from infra.statements import Statement

STEP: Final = 500
FIRST: Final = 64  # row ids in the first step through a large set, twice as many in each further one
WINDOW: Final = 1000
SORTED_AT_ONCE: Final = 100_000  # rows of a type whose ids are sorted for a page: a third of a second
WALKED_FOR_ONE_OPENED: Final = 10  # passing a row by costs about a tenth of opening it
MOST_CHECKED: Final = 16  # tokens of a set whose look-ups, in every row, cost less than opening the rows that fail
_LAST_ROW: Final = 2**63 - 1
Values = dict[str, Any]
Where = Sequence[ColumnElement[bool]]

_POSTINGS_SQLITE: Final = (
    "SELECT {n}, rid FROM (SELECT rid FROM token WHERE t = ? AND rid < ? ORDER BY rid DESC LIMIT ?)"
)
_POSTINGS_POSTGRES: Final = (
    "SELECT wanted.n, held.rid FROM unnest($1::bytea[]) WITH ORDINALITY AS wanted (t, n) CROSS JOIN LATERAL "
    "(SELECT rid FROM token WHERE token.t = wanted.t AND rid < $2 ORDER BY rid DESC LIMIT $3) AS held"
)


@dataclass(frozen=True, slots=True)
class Source:
    """What is looked for: the query whose chains are answered, its plan, and the permit for its type.

    `tenant` and `as_of`, where they are named: only what this tenant wrote, only what was not written after this moment.
    """

    asker: Asker
    query: Query
    plan: Plan
    permit: Permit
    tenant: str | None = None
    as_of: datetime | None = None

    @property
    def where(self) -> list[ColumnElement[bool]]:
        """Everything that SQL can tell about a hit but the set of tokens that leads."""
        query = self.query
        where = [RESOURCE.c.deleted.is_(False), self.permit.clause]
        if self.tenant is not None:
            where.append(RESOURCE.c.tenant == self.tenant)
        if self.as_of is not None:
            where.append(RESOURCE.c.last_updated <= self.as_of)
        if query.ids is not None:
            where.append(RESOURCE.c.id.in_(sorted(query.ids)))
        where += [or_(*(within(RESOURCE.c.last_updated, bounds) for bounds in either)) for either in query.updated]
        where += [_has(tokens) for tokens in self.plan.checks if query.decided or len(tokens) <= MOST_CHECKED]
        return where

    @property
    def beside(self) -> list[ColumnElement[bool]]:
        """The same, where rows are found by another way than their type."""
        # Appending nothing keeps SQLite from the index on the type, by which it would walk through all of the type.
        return [RESOURCE.c.type + "" == self.query.type, *self.where]


def rows(source: Source, *, after: PageEnd | None, effort: Effort, step: int = STEP) -> Iterator[SealedRow]:
    """The rows that may be hits and may be seen, after a place."""
    for row in _rows(source, after=after, effort=effort, step=step):
        effort.spend(1)
        if admits(source.permit, source.asker.session, source.asker.caller, row=row):
            yield row


def count(source: Source, *, effort: Effort) -> int:
    """How many rows there are that may be seen."""
    plan, query = source.plan, source.query
    if query.ids is not None:
        return _counted(source, [RESOURCE.c.id.in_(sorted(query.ids))], effort=effort)
    if not plan.lead:
        return sum(_counted(source, part, effort=effort) for part in _of_type(query))
    if plan.narrow or len(plan.lead) == 1:
        return _counted(source, _lead(plan), effort=effort)
    found = 0
    for rids in _postings(source, after=None, effort=effort):
        found += _counted(source, [RESOURCE.c.rid.in_(rids)], effort=effort)
    return found


def end(order: Order, row: SealedRow | Stored) -> PageEnd:
    """Where a page ends whose last hit is this row."""
    return PageEnd(order, _keys(order, row), row.rid)


def newest(asker: Asker, type: str) -> datetime | None:
    """When a resource of the type was last written, of whichever tenant."""
    statement = select(func.max(RESOURCE.c.last_updated)).where(RESOURCE.c.type == type)
    found: datetime | None = asker.session.connection().execute(statement).scalar_one()
    return found


def _rows(source: Source, *, after: PageEnd | None, effort: Effort, step: int) -> Iterator[SealedRow]:
    plan = source.plan
    if source.query.ids is not None or plan.narrow or (len(plan.lead) == 1 and plan.order is Order.ROW):
        yield from _led(source, after=after, step=step)
    elif plan.lead and plan.order is Order.ROW:
        for rids in _postings(source, after=after, effort=effort):
            yield from _of(source, rids, source.beside)
    else:
        # Whoever walks in another order than that of the index checks the set that could have led like the others.
        passing = [*source.beside, *([_has(plan.lead)] if plan.lead else [])]
        for rids in _walk(source, passing, after=after, effort=effort):
            yield from _of(source, rids, passing)


def prepared(
    source: Source, *, step: int, after: PageEnd | None = None
) -> tuple[Select[Any], Statement, Values] | None:
    """The usual search, of which only the values differ from call to call: one token leads, others are checked."""
    query, plan = source.query, source.plan
    is_usual = plan.order is Order.ROW and query.ids is None and not query.updated and source.as_of is None
    if not is_usual or [*map(len, (plan.lead, *plan.checks))] != [1] * (1 + len(plan.checks)):
        return None
    values = {"asked_type": query.type, "lead": plan.lead[0], "most": step, "below": after.rid if after else _LAST_ROW}
    values |= {f"check_{n}": tokens[0] for n, tokens in enumerate(plan.checks)}
    if source.tenant is None:
        return *_usual(source.permit.clause, len(plan.checks)), values
    return *_usual_of_one(source.permit.clause, len(plan.checks)), values | {"asked_tenant": source.tenant}


@lru_cache(maxsize=4096)
def _usual_of_one(clause: ColumnElement[bool], checks: int) -> tuple[Select[Any], Statement]:
    """The same, of what one tenant wrote."""
    own = RESOURCE.c.tenant == bindparam("asked_tenant", type_=String())
    return _usual(and_(clause, own), checks)


@lru_cache(maxsize=4096)
def _usual(clause: ColumnElement[bool], checks: int) -> tuple[Select[Any], Statement]:
    where = [RESOURCE.c.type + "" == bindparam("asked_type", type_=String()), RESOURCE.c.deleted.is_(False), clause]
    where += [RESOURCE.c.rid == TOKEN.c.rid, TOKEN.c.t == bindparam("lead"), RESOURCE.c.rid < bindparam("below")]
    where += [_held(TOKEN.c.t == bindparam(f"check_{n}")) for n in range(checks)]
    # By the token's column: SQLite then reads the index in this order and sorts nothing.
    made = HEADS.where(*where).order_by(TOKEN.c.rid.desc()).limit(bindparam("most", type_=BigInteger()))
    return made, Statement(made)


def _led(source: Source, *, after: PageEnd | None, step: int) -> Iterator[SealedRow]:
    order, full = source.plan.order, True
    step = min(step, room.FIRST)
    while full:
        usual = prepared(source, step=step, after=after)
        if usual is not None:
            _, statement, values = usual
            found = [SealedRow._make(row) for row in statement.rows(source.asker.session, values)]
        else:
            where = [*source.beside, *_lead(source.plan), *_beyond(order, after)]
            wanted = HEADS.where(*where)
            is_of_one = order is Order.ROW and len(source.plan.lead) == 1
            wanted = wanted.order_by(TOKEN.c.rid.desc()) if is_of_one else _ordered(wanted, order)
            found = many(source.asker.session, wanted.limit(step))
        yield from found
        full = len(found) == step
        after = end(order, found[-1]) if found else after
        step = room.step(found, step, most=STEP)


def _of(source: Source, rids: Sequence[int], passing: Where) -> Iterator[SealedRow]:
    step = room.FIRST
    while rids:
        statement = HEADS.where(RESOURCE.c.rid.in_(rids[:step]), *passing)
        found = many(source.asker.session, _ordered(statement, source.plan.order))
        yield from found
        rids, step = rids[step:], room.step(found, step, most=WINDOW)


def _lead(plan: Plan) -> list[ColumnElement[bool]]:
    if not plan.lead:
        return []
    if len(plan.lead) == 1:
        # An equality, so that the rows come in the order of the index.
        return [RESOURCE.c.rid == TOKEN.c.rid, TOKEN.c.t == plan.lead[0]]
    return [RESOURCE.c.rid.in_(select(TOKEN.c.rid).where(TOKEN.c.t.in_(plan.lead)))]


def _has(tokens: Tokens) -> ColumnElement[bool]:
    return _held(TOKEN.c.t.in_(tokens))


def _held(wanted: ColumnElement[bool]) -> ColumnElement[bool]:
    held = select(TOKEN.c.rid).where(wanted, TOKEN.c.rid == RESOURCE.c.rid).limit(1)
    # Not EXISTS: PostgreSQL would turn that into a join and might read the whole set.
    return held.correlate(RESOURCE).scalar_subquery().is_not(None)


def _postings(source: Source, *, after: PageEnd | None, effort: Effort) -> Iterator[list[int]]:
    """The row ids of a large set, some at a time, the newest first: the merged lists of its tokens."""
    below, full = (after.rid if after else _LAST_ROW), True
    size = FIRST
    while full:
        lists = _lists(source, below=below, size=size)
        cut = [held[-1] for held in lists.values() if len(held) == size]
        # Below the end of a list that was cut, that list may hold more: what lies there comes with the next step.
        below, full = max(cut, default=0), bool(cut)
        rids = sorted({rid for held in lists.values() for rid in held if rid >= below}, reverse=True)
        effort.spend(len(rids) // WALKED_FOR_ONE_OPENED)
        yield rids
        size = min(size * 2, WINDOW)


def _lists(source: Source, *, below: int, size: int) -> dict[int, list[int]]:
    connection, tokens = source.asker.session.connection(), source.plan.lead
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(_POSTINGS_POSTGRES, (list(tokens), below, size))
    else:
        text = " UNION ALL ".join(_POSTINGS_SQLITE.format(n=n) for n in range(len(tokens)))
        found = connection.exec_driver_sql(text, tuple(value for token in tokens for value in (token, below, size)))
    lists: dict[int, list[int]] = {}
    for n, rid in found:
        lists.setdefault(n, []).append(rid)
    return {n: sorted(held, reverse=True) for n, held in lists.items()}


def _walk(source: Source, passing: Where, *, after: PageEnd | None, effort: Effort) -> Iterator[list[int]]:
    """The row ids of the type that pass, some at a time, in the order of the plan."""
    order, type = source.plan.order, source.query.type
    if order in (Order.NEWEST_FIRST, Order.OLDEST_FIRST):
        parts = list(_of_type(source.query))
        for part in reversed(parts) if order.descending else parts:
            yield from _windows(source, part, passing, after=after, effort=effort)
    elif (held := of_type(source.asker, type, most=SORTED_AT_ONCE + 1)) <= SORTED_AT_ONCE:
        effort.spend(held // WALKED_FOR_ONE_OPENED)
        yield from _sorted(source, passing, after=after)
    else:
        # So much of the record is of this type that an index of all types holds little else between its rows.
        yield from _windows(source, [], passing, after=after, effort=effort)


def _windows(
    source: Source, stretch: Where, passing: Where, *, after: PageEnd | None, effort: Effort
) -> Iterator[list[int]]:
    """The rows of a stretch of the index that has the order."""
    order, size, full = source.plan.order, FIRST, True
    passes = case((and_(*passing), 1), else_=0).label("passes")
    rows = _ordered(select(RESOURCE.c.last_updated, RESOURCE.c.id, RESOURCE.c.rid, passes).where(*stretch), order)
    while full:
        window = rows.where(*_beyond(order, after)).limit(size)
        found: Sequence[Row[Any]] = source.asker.session.connection().execute(window).fetchall()
        full = len(found) == size
        if found:
            after = PageEnd(order, _keys(order, found[-1]), found[-1].rid)
        effort.spend(len(found) // WALKED_FOR_ONE_OPENED if found else 1)
        yield [row.rid for row in found if row.passes]
        size = min(size * 2, WINDOW)


def _sorted(source: Source, passing: Where, *, after: PageEnd | None) -> Iterator[list[int]]:
    """All rows of the type in an order that the index on the type does not have."""
    order = source.plan.order
    key = RESOURCE.c.id + "" if order in (Order.ID, Order.ID_DESCENDING) else RESOURCE.c.rid + 0
    rows = select(RESOURCE.c.rid).where(RESOURCE.c.type == source.query.type, *passing, *_beyond(order, after))
    # By an expression: the index on the column itself would lead through all types.
    ordered = rows.order_by(key.desc() if order.descending else key)
    found = source.asker.session.connection().execute(ordered).scalars().all()
    for start in range(0, len(found), WINDOW):
        yield list(found[start : start + WINDOW])


def _counted(source: Source, looked_at: Where, *, effort: Effort) -> int:
    """How many of these rows may be seen. Those that may not are counted too, as they cost the same."""
    seen = case((and_(*source.beside), 1), else_=0).label("seen")
    rows = select(seen).select_from(RESOURCE).where(*looked_at).limit(effort.countable + 1).subquery()
    counted = select(func.count(), func.coalesce(func.sum(rows.c.seen), 0)).select_from(rows)
    passed, found = source.asker.session.connection().execute(counted).one()
    effort.counted(passed)
    return int(found)


def _of_type(query: Query) -> Iterator[list[ColumnElement[bool]]]:
    """The rows of the type, as stretches of the index on it: the oldest first."""
    for bounds in updated.left(query.updated):
        yield [RESOURCE.c.type == query.type, within(RESOURCE.c.last_updated, bounds)]


def _keys(order: Order, row: Any) -> tuple[Key, ...]:
    match order:
        case Order.NEWEST_FIRST | Order.OLDEST_FIRST:
            return (to_microseconds(row.last_updated),)
        case Order.ID | Order.ID_DESCENDING:
            return (row.id,)
    return ()


def _columns(order: Order) -> tuple[ColumnElement[Any], ...]:
    match order:
        case Order.NEWEST_FIRST | Order.OLDEST_FIRST:
            return (RESOURCE.c.last_updated, RESOURCE.c.rid)
        case Order.ID | Order.ID_DESCENDING:
            return (RESOURCE.c.id,)
    return (RESOURCE.c.rid,)


def _ordered(statement: Select[Any], order: Order) -> Select[Any]:
    columns = _columns(order)
    return statement.order_by(*(column.desc() if order.descending else column for column in columns))


def _beyond(order: Order, after: PageEnd | None) -> list[ColumnElement[bool]]:
    if after is None:
        return []
    columns = _columns(order)
    edges: list[ColumnElement[Any]] = [literal(after.rid, BigInteger())]
    if order in (Order.NEWEST_FIRST, Order.OLDEST_FIRST):
        # Typed by hand: within a tuple SQLAlchemy does not take a value's type from the column beside it.
        edges.insert(0, literal(from_microseconds(int(str(after.keys[0]))), UtcDateTime()))
    elif order in (Order.ID, Order.ID_DESCENDING):
        edges = [literal(after.keys[0], String())]
    place = tuple_(*columns) if len(columns) > 1 else columns[0]
    edge = tuple_(*edges) if len(columns) > 1 else edges[0]
    return [place < edge if order.descending else place > edge]
