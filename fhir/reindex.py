"""Rebuilding the blind index while others read and write, type by type, from where a killed rebuild stopped.

New before old: for a chunk of rows the missing tokens are added first, each row under the check that its version is still
the one that was read; then one pass through the token table finds what these rows should not have, and each of those is
removed after a second look at its row, locked. So at no moment is a resource without a token that it has before and after.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import Table, bindparam, delete, func, select, tuple_, update
from sqlmodel import Session

from fhir.drafts import blind
from fhir.models import SERVED
from fhir.rows import HEADS, RESOURCE, TOKEN, SealedRow, many, opened
from fhir.search.form import FORM
from fhir.tables import IndexState
from infra.database import Database
from infra.problems import Problem
from infra.vault import Vault

STATE: Final = cast(Table, IndexState.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it
BATCH: Final = 200  # rows in one atomic unit: some ten milliseconds in which others wait
CHUNK: Final = 50_000  # rows between two passes through the token table, held in memory with their tokens: some 40 MB
STEP: Final = 20_000  # tokens read at once
TOKEN_BYTES: Final = 16
# Tokens are bytes and numbers on both databases, so the drivers take them as they are.
_ADD_SQLITE: Final = "INSERT OR IGNORE INTO token (t, rid) VALUES (?, ?)"
_ADD_POSTGRES: Final = (
    "INSERT INTO token (t, rid) SELECT * FROM unnest($1::bytea[], $2::bigint[]) ON CONFLICT DO NOTHING"
)
_REMOVE: Final = delete(TOKEN).where(TOKEN.c.t == bindparam("old_t"), TOKEN.c.rid == bindparam("old_rid"))

Pair = tuple[bytes, int]


class Made(NamedTuple):
    """The tokens of one version of a row, one after the other: a set of them would take six times the room."""

    version: int
    tokens: bytes

    def pairs(self, rid: int) -> list[Pair]:
        """The rows of the token table."""
        return [(self.tokens[at : at + TOKEN_BYTES], rid) for at in range(0, len(self.tokens), TOKEN_BYTES)]

    def __contains__(self, token: object) -> bool:
        # 64 secret bits do not turn up across the border of two others.
        return isinstance(token, bytes) and token in self.tokens


Wanted = dict[int, Made]


class UnknownType(Problem):
    """There are no resources of this type."""


class Progress(NamedTuple):
    """How much of a type is done."""

    type: str
    done: int
    all: int


@dataclass(frozen=True, slots=True)
class Rebuild:
    """A rebuild: with whose keys, in which database, who is told how far it is, and in which steps."""

    database: Database
    vault: Vault
    tell: Callable[[Progress], None] = lambda _: None
    batch: int = BATCH
    chunk: int = CHUNK

    async def run(self, types: Iterable[str] = ()) -> tuple[str, ...]:
        """The types whose index was rebuilt: those named, else all that have resources.

        Where a rebuild was killed: what it had left.
        """
        wanted = tuple(types) or tuple(sorted(SERVED))
        for type in set(wanted) - set(SERVED):
            raise UnknownType(f"There are no resources of the type {type}.")
        places = await self.database.write(partial(_begun, types=wanted))
        for type, place in places.items():
            await self._type(type, place)
        return tuple(places)

    async def _type(self, type: str, place: int) -> None:
        all = await self.database.read(lambda session: _count(session, type))
        done = await self.database.read(lambda session: _count(session, type, until=place))
        self.tell(Progress(type, done, all))
        while True:
            wanted: Wanted = {}
            while len(wanted) < self.chunk:
                read = await self.database.read(partial(_rows, type=type, after=place, limit=self.batch))
                if not read:
                    break
                place = read[-1].rid
                made = {row.rid: self._made(row) for row in read}
                wanted |= await self.database.write(partial(self._add, made=made))
                done += len(read)
                self.tell(Progress(type, done, all))
            if not wanted:
                break
            await self._remove_stale(wanted)
            await self.database.write(partial(_reached, type=type, place=place))
        await self.database.write(partial(_finished, type=type))

    def _add(self, session: Session, made: Wanted) -> Wanted:
        """What these rows should have; all of it is there."""
        versions = _locked(session, made)
        # Written meanwhile: what was read of it is past, what is locked now is present.
        changed = [rid for rid, version in versions.items() if version != made[rid].version]
        wanted = made | {row.rid: self._made(row) for row in _present(session, changed)}
        _insert(session, sorted(pair for rid, one in wanted.items() for pair in one.pairs(rid)))
        return wanted

    async def _remove_stale(self, wanted: Wanted) -> None:
        suspects: dict[int, set[bytes]] = {}
        last: Pair | None = None
        while found := await self.database.read(partial(_pairs, rids=(min(wanted), max(wanted)), after=last)):
            last = found[-1]
            for token, rid in found:
                if rid in wanted and token not in wanted[rid]:
                    suspects.setdefault(rid, set()).add(token)
        rids = sorted(suspects)
        for start in range(0, len(rids), self.batch):
            part = {rid: suspects[rid] for rid in rids[start : start + self.batch]}
            await self.database.write(partial(self._remove, suspects=part, wanted=wanted))

    def _remove(self, session: Session, suspects: dict[int, set[bytes]], wanted: Wanted) -> None:
        versions = _locked(session, suspects)
        changed = [rid for rid, version in versions.items() if version != wanted[rid].version]
        now = {row.rid: self._made(row) for row in _present(session, changed)}
        gone = [
            {"old_t": token, "old_rid": rid}
            for rid in versions
            for token in suspects[rid]
            if token not in now.get(rid, wanted[rid])
        ]
        if gone:
            session.connection().execute(_REMOVE, gone)

    def _made(self, row: SealedRow) -> Made:
        if row.deleted:
            return Made(row.version, b"")
        return Made(row.version, b"".join(blind(self.vault, row.type, opened(self.vault, row).data)))


def due(session: Session) -> list[str]:
    """The types that have resources and whose index is not of the present form: a search may miss some of them."""
    forms = _forms(session)
    return [type for type in sorted(SERVED) if forms.get(type) != FORM and _count(session, type, most=1)]


def adopt(session: Session) -> None:
    """Nothing; the index of each type that has no resources yet is of the present form."""
    forms = _forms(session)
    stale = [type for type in sorted(SERVED) if forms.get(type) != FORM]
    empty = [type for type in stale if not _count(session, type, most=1)]
    _set(session, empty, form=FORM, target=None, place=0)


def _forms(session: Session) -> dict[str, str]:
    rows = session.connection().execute(select(STATE.c.type, STATE.c.form)).fetchall()
    return {row.type: row.form for row in rows}


def _begun(session: Session, types: Sequence[str]) -> dict[str, int]:
    """The types to do and the row after which each goes on."""
    rows = session.connection().execute(select(STATE.c.type, STATE.c.target, STATE.c.place)).fetchall()
    left = {type: place for type, target, place in rows if target == FORM and type in types}
    if left:
        return dict(sorted(left.items()))
    adopt(session)
    held = [type for type in types if _count(session, type, most=1)]
    known = _forms(session).keys()
    _set(session, [type for type in held if type not in known], form="", target=FORM, place=0)
    session.connection().execute(update(STATE).where(STATE.c.type.in_(held)).values(target=FORM, place=0))
    return dict.fromkeys(held, 0)


def _reached(session: Session, type: str, place: int) -> None:
    session.connection().execute(update(STATE).where(STATE.c.type == type).values(place=place))


def _finished(session: Session, type: str) -> None:
    _set(session, [type], form=FORM, target=None, place=0)


def _set(session: Session, types: Sequence[str], **values: Any) -> None:
    if types:
        session.connection().execute(delete(STATE).where(STATE.c.type.in_(types)))
        session.connection().execute(STATE.insert(), [{"type": type, **values} for type in types])


def _count(session: Session, type: str, *, until: int | None = None, most: int | None = None) -> int:
    rows = select(RESOURCE.c.rid).where(RESOURCE.c.type == type)
    rows = rows if until is None else rows.where(RESOURCE.c.rid <= until)
    return session.connection().execute(select(func.count()).select_from(rows.limit(most).subquery())).scalar_one()


def _rows(session: Session, type: str, after: int, limit: int) -> list[SealedRow]:
    # Appending nothing keeps SQLite on the primary key: the index on the type has another order.
    of_type = RESOURCE.c.type + "" == type
    return many(session, HEADS.where(of_type, RESOURCE.c.rid > after).order_by(RESOURCE.c.rid).limit(limit))


def _locked(session: Session, rids: Iterable[int]) -> dict[int, int]:
    """The present versions of rows that nobody else changes until the unit ends."""
    # Without the JOIN of the keys, which PostgreSQL would check again after waiting.
    statement = select(RESOURCE.c.rid, RESOURCE.c.version).where(RESOURCE.c.rid.in_(sorted(rids)))
    rows = session.connection().execute(statement.order_by(RESOURCE.c.rid).with_for_update()).fetchall()
    return {row.rid: row.version for row in rows}


def _present(session: Session, rids: Sequence[int]) -> list[SealedRow]:
    return many(session, HEADS.where(RESOURCE.c.rid.in_(rids))) if rids else []


def _insert(session: Session, pairs: Sequence[Pair]) -> None:
    connection = session.connection()
    if not pairs:
        return
    if connection.dialect.name == "postgresql":
        tokens, rids = map(list, zip(*pairs, strict=True))
        connection.exec_driver_sql(_ADD_POSTGRES, (tokens, rids))
    else:
        connection.exec_driver_sql(_ADD_SQLITE, list(pairs))


def _pairs(session: Session, rids: tuple[int, int], after: Pair | None) -> list[Pair]:
    """The next tokens of rows in this range, in the order of the table."""
    statement = select(TOKEN.c.t, TOKEN.c.rid).where(TOKEN.c.rid.between(*rids))
    if after is not None:
        statement = statement.where(tuple_(TOKEN.c.t, TOKEN.c.rid) > after)
    ordered = statement.order_by(TOKEN.c.t, TOKEN.c.rid).limit(STEP)
    return [(bytes(token), rid) for token, rid in session.connection().execute(ordered)]
