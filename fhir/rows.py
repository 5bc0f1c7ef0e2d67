"""Rows of the record: the statements the store runs, built once, and the way from a sealed row to a resource."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql.visitors import replacement_traverse
from sqlmodel import Session

from fhir import codec, costs
from fhir.search.query import Bounds
from fhir.tables import Compartment, History, Resource, Restriction, Token
from infra.columns import UtcDateTime
from infra.statements import NOTHING, Statement
from infra.vault import Binding, DataKey, Sealed, Vault, WrappedKey

RESOURCE: Final = cast(Table, Resource.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it
HISTORY: Final = cast(Table, History.__table__)  # type: ignore[attr-defined]  # as above
TOKEN: Final = cast(Table, Token.__table__)  # type: ignore[attr-defined]  # as above
COMPARTMENT: Final = cast(Table, Compartment.__table__)  # type: ignore[attr-defined]  # as above
RESTRICTION: Final = cast(Table, Restriction.__table__)  # type: ignore[attr-defined]  # as above
DATA_KEY: Final = cast(Table, DataKey.__table__)  # type: ignore[attr-defined]  # as above

NAMES: Final = (
    "rid", "id", "type", "version", "deleted", "last_updated", "tenant", "compartment", "data_key", "body"
)  # fmt: skip
_KEY: Final = (DATA_KEY.c.scope, DATA_KEY.c.provider_version, DATA_KEY.c.wrapped)


class Stored(NamedTuple):
    """One version of one resource, opened. `body` is what a read sends, byte for byte."""

    rid: int
    type: str
    id: str
    version: int
    last_updated: datetime
    tenant: str
    compartment: str | None
    deleted: bool
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        """The parsed body; an empty dict for a deleted resource."""
        parsed: dict[str, Any] = codec.reload(self.body) if self.body else {}
        return parsed

    @property
    def reference(self) -> str:
        """The relative reference to this resource."""
        return f"{self.type}/{self.id}"

    @property
    def etag(self) -> str:
        """The weak validator of this version."""
        return f'W/"{self.version}"'


class Position(NamedTuple):
    """Where a page of a search ended: the next one begins after it."""

    last_updated: datetime
    rid: int


class SealedRow(NamedTuple):
    """A row as it lies in the database, with its wrapped key."""

    rid: int
    id: str
    type: str
    version: int
    deleted: bool
    last_updated: datetime
    tenant: str
    compartment: str | None
    data_key: int
    body: bytes
    scope: str
    provider_version: int
    wrapped: bytes
    # There is a restriction of its compartment; whether it holds now, and for whom, the policy says.
    restricted: bool = False


def _restricted(table: Table) -> ColumnElement[bool]:
    # With the row, as its key: nearly always there is none to be found, and a look-up of its own would be a round trip.
    return exists().where(RESTRICTION.c.compartment == table.c.compartment).correlate(table).label("restricted")


# The wrapped key comes with the row: a second look-up would double the cost of a read (notes/security 3).
HEADS: Final[Select[Any]] = select(*(RESOURCE.c[name] for name in NAMES), *_KEY, _restricted(RESOURCE)).join(
    DATA_KEY, DATA_KEY.c.id == RESOURCE.c.data_key
)
VERSIONS: Final[Select[Any]] = select(*(HISTORY.c[name] for name in NAMES), *_KEY, _restricted(HISTORY)).join(
    DATA_KEY, DATA_KEY.c.id == HISTORY.c.data_key
)

HEAD: Final[Select[Any]] = HEADS.where(
    RESOURCE.c.id == bindparam("wanted_id"), RESOURCE.c.type == bindparam("wanted_type")
)
VERSION: Final[Select[Any]] = VERSIONS.where(
    HISTORY.c.rid == bindparam("wanted_rid"), HISTORY.c.version == bindparam("wanted_version")
)

INSERT_RESOURCE: Final = Statement(insert(RESOURCE), columns=NAMES)
# While an index of another form is rebuilt, a token may be there already. With ON CONFLICT, SQLite would prepare a text
# of many rows anew in each transaction, which takes longer than all of them.
INSERT_TOKEN: Final = Statement(insert(TOKEN).prefix_with("OR IGNORE"), columns=("t", "rid"))
# One round trip, however many they are.
_NEW_ON_POSTGRES: Final = "INSERT INTO token (t, rid) SELECT * FROM unnest($1::bytea[], $2::bigint[])"
# Looking for each row before it is written costs a microsecond more.
_MORE_ON_POSTGRES: Final = f"{_NEW_ON_POSTGRES} ON CONFLICT DO NOTHING"
DELETE_TOKEN: Final = Statement(
    delete(TOKEN).where(TOKEN.c.t == bindparam("old_t"), TOKEN.c.rid == bindparam("old_rid"))
)


@lru_cache(maxsize=4096)
def head(clause: ColumnElement[bool]) -> Statement:
    """`HEAD` within a permit's filter: the same statement for the same filter, so that it is compiled once."""
    return Statement(HEAD.where(clause))


@lru_cache(maxsize=4096)
def locked_head(clause: ColumnElement[bool]) -> Statement:
    """The same, and nobody else changes the row until the unit ends."""
    return Statement(HEAD.where(clause).with_for_update(of=RESOURCE))


@lru_cache(maxsize=4096)
def of_history(clause: ColumnElement[bool]) -> ColumnElement[bool]:
    """A permit's filter over the table of past versions, which has the same columns."""

    def exchanged(element: Any, **_: Any) -> Any:
        if element is RESOURCE:
            return HISTORY
        return HISTORY.c[element.name] if getattr(element, "table", None) is RESOURCE else None

    made: ColumnElement[bool] = replacement_traverse(clause, {}, exchanged)
    return made


@lru_cache(maxsize=4096)
def version(clause: ColumnElement[bool]) -> Statement:
    """`VERSION` within a permit's filter: where a past version stood counts, not where the present one stands."""
    return Statement(VERSION.where(of_history(clause)))


def hold(session: Session, found: Iterable[Stored]) -> bool:
    """True if these are the present versions; nobody else changes these resources until the unit ends."""
    versions = {stored.rid: stored.version for stored in found}
    # On SQLite there is one writer, so what a unit has found stays as it is.
    if not versions or session.get_bind().dialect.name != "postgresql":
        return True
    # In one order by all, so that two that want the same don't wait for each other.
    wanted = select(RESOURCE.c.rid, RESOURCE.c.version).where(RESOURCE.c.rid.in_(versions)).order_by(RESOURCE.c.rid)
    held = session.connection().execute(wanted.with_for_update()).fetchall()
    return {row.rid: row.version for row in held} == versions


def one(session: Session, statement: Statement, values: Mapping[str, Any] = NOTHING) -> SealedRow | None:
    """The only row of a select over `HEADS` or `VERSIONS`."""
    found = statement.first(session, values)
    return None if found is None else SealedRow._make(found)


def many(session: Session, statement: Select[Any]) -> list[SealedRow]:
    """All rows of a select over `HEADS` or `VERSIONS`."""
    rows: Sequence[Row[Any]] = session.connection().execute(statement).fetchall()
    return [SealedRow._make(row) for row in rows]


def opened(vault: Vault, row: SealedRow) -> Stored:
    """The resource of a row; `SealBroken` if the body does not belong there."""
    body = b""
    rid, id, type, version, deleted, last_updated, tenant, compartment, data_key, sealed, *_ = row
    if not deleted:
        # What the body is sealed to: moved elsewhere, it does not open.
        to = Binding(tenant, type, id, version, compartment or "")
        known = vault.open_known(sealed, data_key, to=to)
        body = known if known is not None else _unwrapped(vault, row, to)
        costs.opened(body)
    return Stored(rid, type, id, version, last_updated, tenant, compartment, deleted, body)


def _unwrapped(vault: Vault, row: SealedRow, to: Binding) -> bytes:
    key = WrappedKey(row.data_key, row.scope, row.provider_version, row.wrapped)
    return vault.open(Sealed(row.data_key, row.body), key=key, to=to)


def columns(stored: Stored, sealed: Sealed) -> dict[str, Any]:
    """The row to insert for a new resource."""
    return {
        "rid": stored.rid,
        "id": stored.id,
        "type": stored.type,
        "version": stored.version,
        "deleted": stored.deleted,
        "last_updated": stored.last_updated,
        "tenant": stored.tenant,
        "compartment": stored.compartment,
        "data_key": sealed.data_key,
        "body": sealed.body,
    }


def seal(vault: Vault, session: Session, stored: Stored) -> Sealed:
    """The body, sealed to exactly this version of this resource."""
    costs.sealed(stored.body)
    to = Binding(stored.tenant, stored.type, stored.id, stored.version, stored.compartment or "")
    return vault.seal(session, stored.body, to=to)


def within(column: ColumnElement[datetime], bounds: Bounds) -> ColumnElement[bool]:
    """A filter for moments within bounds, of which the second is not included."""
    since = [column >= bounds.since] if bounds.since else []
    before = [column < bounds.before] if bounds.before else []
    return and_(true(), *since, *before)


def beyond(
    moment: ColumnElement[datetime], rid: ColumnElement[int], *, after: Position, newest_first: bool
) -> ColumnElement[bool]:
    """A filter for the rows that stand after a position, in the order of moment and row id."""
    # Typed by hand: within a tuple SQLAlchemy does not take a value's type from the column beside it.
    edge = tuple_(literal(after.last_updated, UtcDateTime()), literal(after.rid, BigInteger()))
    place = tuple_(moment, rid)
    return place < edge if newest_first else place > edge


def add_tokens(session: Session, entries: Iterable[tuple[bytes, int]]) -> None:
    """Nothing; each token leads to its row, which is new, from now on."""
    _insert_tokens(session, entries, on_postgres=_NEW_ON_POSTGRES)


def add_more_tokens(session: Session, rid: int, tokens: Iterable[bytes]) -> None:
    """Nothing; the resource is found by these tokens, too, of which some may be there already."""
    _insert_tokens(session, ((token, rid) for token in tokens), on_postgres=_MORE_ON_POSTGRES)


def _insert_tokens(session: Session, entries: Iterable[tuple[bytes, int]], *, on_postgres: str) -> None:
    # Sorted, so that neighbours in the index are written one after the other.
    ordered = sorted(entries)
    if ordered and session.get_bind().dialect.name == "postgresql":
        session.connection().exec_driver_sql(on_postgres, tuple(map(list, zip(*ordered, strict=True))))
    else:
        INSERT_TOKEN.run_rows(session, ordered)


def remove_tokens(session: Session, rid: int, tokens: Iterable[bytes]) -> None:
    """Nothing; the resource is no longer found by these tokens."""
    DELETE_TOKEN.run_each(session, [{"old_t": token, "old_rid": rid} for token in sorted(tokens)])
