"""The database: atomic units of work on SQLite or PostgreSQL.

A unit is a plain function of a session. It can't await, so it can't hold the writer while a network answers, and it
may run twice, so it must have no effect outside its session. `write` returns when the unit is durably committed, which
is why no answer can leave before its commit. See README.md, decision 1.
"""

import asyncio
import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlmodel import Session, SQLModel

from infra.clock import Clock, SystemClock
from infra.lines import Lines
from infra.problems import Conflict, DiskFull, Problem, Unavailable
from infra.row_security import AT_FIRST, EVERY, watch
from infra.statements import DRIVER, Row, Statement
from infra.writer import GroupWriter

__all__ = ["Database", "PostgresDatabase", "Session", "SqliteDatabase", "Unit", "open_database"]

T = TypeVar("T")
Unit = Callable[[Session], T]


@dataclass(frozen=True, slots=True)
class One(Generic[T]):
    """A unit as one statement, so that it is one round trip. `result` gives None where the unit itself must decide."""

    statement: Statement
    values: Mapping[str, Any]
    result: Callable[[Sequence[Row]], T | None]
    tenant: str = EVERY  # for whom it is asked


OneOf = Callable[[], One[T] | None]

# 64 MB of pages for the writer: the blind index is written in random order and would spill the default 2 MB. It waits
# for other processes by itself (`infra.writer`), as SQLite's own waiting would stop the event loop. A checkpoint comes
# every 16 MB of log, not every 4: pages of the index that many writes touch are copied once, a fifth off a commit.
WRITER = ("cache_size=-65536", "busy_timeout=0", "wal_autocheckpoint=4000")
READERS = 4
POOL = 10
# Serialisation failure and deadlock: the transaction did nothing and may be repeated (PostgreSQL, appendix A).
REPEATABLE = ("40001", "40P01")
TRIES = 6


class Database(Protocol):
    """A database that runs atomic units.

    `on_lost` holds what must forget rows that a unit saw but that never reached the disk: a failed group commit.
    """

    on_lost: list[Callable[[], None]]

    async def write(self, unit: Unit[T]) -> T:
        """What the unit returns, once all it wrote is durable; if it raises, nothing was written."""
        ...

    async def short(self, unit: Unit[T], one: "OneOf[T] | None" = None) -> T:
        """The same for a unit of less than a millisecond, cheaper; `one` may do it in a single statement."""
        ...

    async def read(self, unit: Unit[T]) -> T:
        """What the unit returns from one consistent snapshot; it must not write."""
        ...

    async def create_all(self) -> None:
        """All tables of the models imported so far; migrations do this in a running service."""
        ...

    async def close(self) -> None:
        """Nothing; every connection is closed."""
        ...


class UnknownDatabase(Problem):
    """TELEMED_DATABASE_URL must start with sqlite:/// or postgresql://."""


def open_database(url: str, clock: Clock | None = None) -> Database:
    """A database for `sqlite:///file` or `postgresql://...`; row security goes by the clock, the machine's by default."""
    if (file := sqlite_file(url)) is not None:
        return SqliteDatabase(file)
    parsed = _parsed(url)
    if parsed.get_backend_name() == "postgresql":
        driven = parsed.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
        return PostgresDatabase(driven, clock or SystemClock())
    raise UnknownDatabase


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite database, there or not; None where the address is of another database."""
    parsed = _parsed(url)
    return Path(parsed.database or "") if parsed.get_backend_name() == "sqlite" else None


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        raise UnknownDatabase from error


class SqliteDatabase:
    """SQLite in WAL mode: one writer thread that commits in groups, a few readers beside it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # For our account alone; SQLite gives the files beside it (-wal, -shm) the same mode.
        path.touch(mode=0o600)
        self.path = path
        self._writing = _sqlite_engine(path, begin="BEGIN IMMEDIATE", pragmas=WRITER)
        self._reading = _sqlite_engine(path, begin="BEGIN", pragmas=("query_only=ON",))
        self.on_lost: list[Callable[[], None]] = []
        self._writer = GroupWriter(self._writing, lost=self._lost)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-reader")

    async def write(self, unit: Unit[T]) -> T:
        """What the unit returns, once the group it was part of is on disk."""
        return await self._writer.run(unit)

    async def short(self, unit: Unit[T], one: OneOf[T] | None = None) -> T:
        """What the unit returns, once the group it was part of is on disk; it runs in the event loop's thread."""
        return await self._writer.run_short(unit)

    async def read(self, unit: Unit[T]) -> T:
        """What the unit returns from one consistent snapshot."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, unit)

    def _read(self, unit: Unit[T]) -> T:
        with self._reading.connect() as connection, connection.begin(), Session(connection) as session:
            session.info[DRIVER] = connection.connection.driver_connection
            return unit(session)

    def _lost(self) -> None:
        for forget in self.on_lost:
            forget()

    async def create_all(self) -> None:
        """All tables of the models imported so far."""
        await self.write(lambda session: SQLModel.metadata.create_all(session.connection()))

    async def close(self) -> None:
        """Nothing; the writer finishes what it was given first."""
        await asyncio.to_thread(self._writer.close)
        self._readers.shutdown()
        self._writing.dispose()
        self._reading.dispose()


class PostgresDatabase:
    """PostgreSQL: one transaction per unit, repeated when the server asks for it."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._clock = clock
        self.on_lost: list[Callable[[], None]] = []  # never called: uncommitted rows are not seen by others
        self._lines = Lines(make_url(url), clock, most=POOL)
        told = {"server_settings": AT_FIRST}
        self._engine: AsyncEngine = create_async_engine(
            url, pool_size=POOL, max_overflow=POOL, hide_parameters=True, connect_args=told
        )

    def _session(self) -> AsyncSession:
        made = AsyncSession(self._engine, sync_session_class=Session, expire_on_commit=False)
        watch(cast(Session, made.sync_session), self._clock)
        return made

    async def write(self, unit: Unit[T]) -> T:
        """What the unit returns, after the commit."""
        for attempt in range(1, TRIES + 1):
            try:
                async with self._session() as session, session.begin():
                    return await session.run_sync(cast(Callable[..., T], unit))
            except (DBAPIError, OSError) as error:
                if _sqlstate(error) not in REPEATABLE or attempt == TRIES:
                    raise _translated(error) from error
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # nosemgrep: guessable-secret - a pause
        raise AssertionError("unreachable")

    async def short(self, unit: Unit[T], one: OneOf[T] | None = None) -> T:
        """What the unit returns, after the commit; in a single round trip if there is one statement for it."""
        made = one() if one is not None else None
        rows = (
            await self._lines.ask(made.statement.on_postgres, made.values, tenant=made.tenant)
            if made is not None
            else None
        )
        found = made.result(rows) if made is not None and rows is not None else None
        return found if found is not None else await self.write(unit)

    async def read(self, unit: Unit[T]) -> T:
        """What the unit returns from one consistent snapshot."""

        def snapshot(session: Session) -> T:
            session.connection().execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            return unit(session)

        return await self.write(snapshot)

    async def create_all(self) -> None:
        """All tables of the models imported so far."""
        await self.write(lambda session: SQLModel.metadata.create_all(session.connection()))

    async def close(self) -> None:
        """Nothing; the pool is closed."""
        await self._lines.close()
        await self._engine.dispose()


def _sqlite_engine(path: Path, *, begin: str, pragmas: tuple[str, ...] = ()) -> Engine:
    options = {"check_same_thread": False, "isolation_level": None, "cached_statements": 1024}
    engine = create_engine(f"sqlite:///{path}", connect_args=options, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def configure(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's connection has no common type
        # FULL: an acknowledged write survives a power cut; group commit makes it affordable.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")  # nosemgrep: sql-put-together - the names above
        cursor.close()

    # A plain BEGIN that later writes fails at once under concurrency, whatever busy_timeout says.
    engine.dialect.do_begin = partial(_on_begin, begin)  # type: ignore[method-assign]
    # Every unit has a savepoint: sent as it is, it costs a tenth of one that is compiled as a statement.
    engine.dialect.do_savepoint = partial(_on_savepoint, "SAVEPOINT")  # type: ignore[method-assign]
    engine.dialect.do_release_savepoint = partial(_on_savepoint, "RELEASE SAVEPOINT")  # type: ignore[method-assign]
    return engine


def _on_begin(statement: str, connection: Any) -> None:
    connection.driver_connection.execute(statement)


def _on_savepoint(statement: str, connection: Connection, name: str) -> None:
    raw = cast(sqlite3.Connection, connection.connection.driver_connection)
    raw.execute(f"{statement} {name}")  # nosemgrep: sql-put-together - SQLAlchemy made it: sa_savepoint_1


def _sqlstate(error: BaseException) -> str:
    origin = getattr(error, "orig", None)
    return str(getattr(origin, "sqlstate", "") or "")


def _translated(error: DBAPIError | OSError) -> BaseException:
    state = _sqlstate(error)
    if state == "53100":
        return DiskFull()
    if state in REPEATABLE:
        return Conflict("Others write the same at this moment. Repeat the request.")
    if isinstance(error, OSError) and error.filename is not None:
        return error  # of a file that the unit asked for: a bug of ours, and not the server's silence
    if isinstance(error, OSError | InterfaceError | OperationalError) or state.startswith(("08", "57P")):
        return Unavailable("The database does not answer. Try again shortly.")
    return error
