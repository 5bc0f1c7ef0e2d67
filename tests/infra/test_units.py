"""Atomic units: all or nothing, durable before they return, many at once."""

import asyncio
import resource
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import Column, LargeBinary, insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Field, Session, SQLModel, col, func, select

from infra.database import Database, SqliteDatabase, UnknownDatabase, open_database
from infra.problems import Conflict, DiskFull, Unavailable
from tests.effort import repetitions

MEGABYTE = 1_000_000


class Note(SQLModel, table=True):
    """A row to write in these tests."""

    __tablename__ = "test_note"

    id: int = Field(primary_key=True)
    body: bytes = Field(default=b"", sa_column=Column(LargeBinary))


def add(session: Session, number: int, *, size: int = 0) -> int:
    session.add(Note(id=number, body=b"x" * size))
    session.flush()
    return number


def count(session: Session) -> int:
    return session.exec(select(func.count()).select_from(Note)).one()


def add_then_refuse(session: Session, number: int) -> None:
    add(session, number)
    raise Conflict


async def test_a_unit_returns_its_value_after_the_commit(database: Database) -> None:
    assert await database.write(lambda session: add(session, 1)) == 1

    assert await database.read(count) == 1


async def test_a_refused_unit_leaves_nothing(database: Database) -> None:
    with pytest.raises(Conflict):
        await database.write(lambda session: add_then_refuse(session, 1))

    assert await database.read(count) == 0


async def test_a_failing_unit_takes_nothing_of_its_neighbours_along(database: Database) -> None:
    many = repetitions(100)
    units = [
        database.write(lambda s, n=n: add_then_refuse(s, n) if n % 3 == 0 else add(s, n))  # type: ignore[misc]
        for n in range(many)
    ]

    results = await asyncio.gather(*units, return_exceptions=True)

    assert sum(isinstance(result, Conflict) for result in results) == len(range(0, many, 3))
    assert await database.read(count) == many - len(range(0, many, 3))


async def test_the_second_of_two_equal_keys_fails_and_the_first_stays(database: Database) -> None:
    units = [database.write(lambda session: add(session, 7)) for _ in range(20)]

    results = await asyncio.gather(*units, return_exceptions=True)

    assert sum(isinstance(result, IntegrityError) for result in results) == 19
    assert results.count(7) == 1


async def test_a_read_refuses_to_write(database: Database) -> None:
    with pytest.raises((DBAPIError, Unavailable)):
        await database.read(lambda session: add(session, 1))

    assert await database.read(count) == 0


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_an_acknowledged_write_is_on_disk(database: Database) -> None:
    await database.write(lambda session: add(session, 1))

    assert isinstance(database, SqliteDatabase)
    with sqlite3.connect(database.path) as other:
        assert other.execute("SELECT count(*) FROM test_note").fetchone() == (1,)
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_units_that_wait_share_a_commit(database: Database) -> None:
    assert isinstance(database, SqliteDatabase)
    await database.write(lambda session: add(session, 1000))
    before = _wal_commits(database)

    await asyncio.gather(*(database.write(lambda s, n=n: add(s, n)) for n in range(200)))  # type: ignore[misc]

    assert _wal_commits(database) - before < 100


def _wal_commits(database: SqliteDatabase) -> int:
    """Commit frames in the write-ahead log: those whose header names a database size (SQLite file format, 4.1)."""
    wal = Path(f"{database.path}-wal").read_bytes()
    page = int.from_bytes(wal[8:12], "big")
    headers = range(32, len(wal) - 23, page + 24)
    return sum(wal[at + 4 : at + 8] != b"\0\0\0\0" for at in headers)


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_full_disk_is_said_and_loses_nothing(database: Database) -> None:
    forgotten: list[bool] = []
    database.on_lost.append(lambda: forgotten.append(True))
    await database.write(lambda session: add(session, 1))
    await database.write(lambda session: session.connection().exec_driver_sql("PRAGMA max_page_count=200") and None)

    with pytest.raises(DiskFull):
        await database.write(lambda session: add(session, 2, size=2 * MEGABYTE))
    assert forgotten

    assert await database.write(lambda session: add(session, 3)) == 3
    assert await database.read(lambda session: list(session.exec(select(col(Note.id)).order_by(col(Note.id))))) == [
        1,
        3,
    ]


async def test_the_files_of_a_new_database_are_for_its_owner_alone(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "new.sqlite3")
    await database.create_all()

    found = modes(tmp_path)

    await database.close()
    assert found == dict.fromkeys(["new.sqlite3", "new.sqlite3-wal", "new.sqlite3-shm"], 0o600)


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_disk_that_fills_up_within_a_unit_is_said_to_all_who_shared_its_commit(database: Database) -> None:
    await database.write(lambda session: add(session, 1))
    # A small cache, so that the unit is written out before its commit; SQLite then gives up the whole transaction.
    await database.write(lambda session: session.connection().exec_driver_sql("PRAGMA cache_size=10") and None)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def too_large(session: Session) -> None:
        for number in range(10, 30):
            statement = f"INSERT INTO test_note VALUES ({number}, zeroblob({MEGABYTE}))"
            session.connection().exec_driver_sql(statement)

    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MEGABYTE, hard))
    try:
        units = [database.write(unit) for unit in (lambda session: add(session, 2), too_large)]
        told = await asyncio.gather(*units, return_exceptions=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert isinstance(told[1], DiskFull), told
    written = await database.read(count)
    assert written == (1 if isinstance(told[0], DiskFull) else 2), told
    assert await database.write(lambda session: add(session, 3)) == 3


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_closing_finishes_what_was_handed_in_and_refuses_more(database: Database, database_url: str) -> None:
    waiting = [asyncio.ensure_future(database.write(lambda s, n=n: add(s, n))) for n in range(50)]  # type: ignore[misc]
    await asyncio.sleep(0)
    await database.close()

    assert len(await asyncio.gather(*waiting)) == 50
    with pytest.raises(Unavailable):
        await database.write(lambda session: add(session, 99))
    again = open_database(database_url)
    assert await again.read(count) == 50
    await again.close()


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_deadlock_is_repeated_until_both_are_through(database: Database) -> None:
    await database.write(lambda session: [add(session, number) for number in (1, 2)] and None)

    def swap(session: Session, first: int, second: int) -> None:
        for number in (first, second):
            session.exec(select(Note).where(Note.id == number).with_for_update()).one()
            session.connection().exec_driver_sql("SELECT pg_sleep(0.01)")

    pairs = [(1, 2), (2, 1)] * 2
    await asyncio.gather(*(database.write(lambda s, a=a, b=b: swap(s, a, b)) for a, b in pairs))  # type: ignore[misc]


async def test_an_error_of_the_database_does_not_tell_the_values(database: Database) -> None:
    def twice(session: Session) -> None:
        for _ in range(2):
            session.connection().execute(insert(Note), {"id": 1, "body": b"Musterfrau"})

    with pytest.raises(IntegrityError) as caught:
        await database.write(twice)

    assert "Musterfrau" not in str(caught.value)


async def test_an_address_of_another_database_is_refused() -> None:
    with pytest.raises(UnknownDatabase, match="must start with sqlite"):
        open_database("mysql://localhost/x")


async def test_a_file_that_a_unit_misses_is_not_told_as_a_silent_database(database: Database, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await database.read(lambda _session: (tmp_path / "absent").read_bytes())
    with pytest.raises(FileNotFoundError):
        await database.write(lambda _session: (tmp_path / "absent").read_bytes())
