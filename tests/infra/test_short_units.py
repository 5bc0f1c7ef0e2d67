"""Short units run in the event loop itself: the same promises as any unit, on both databases."""

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from functools import partial

import pytest
from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from infra import writer
from infra.database import Database, One, PostgresDatabase, SqliteDatabase
from infra.problems import Conflict, DiskFull, Unavailable
from infra.statements import ListInStatementError, Row, Statement
from tests.effort import repetitions
from tests.infra.test_units import MEGABYTE, Note, add, add_then_refuse, count

TABLE = Note.__table__  # type: ignore[attr-defined]  # SQLModel does not declare it
INSERT = Statement(insert(TABLE), columns=("id", "body"))
WANTED = Statement(select(TABLE.c.id, TABLE.c.body).where(TABLE.c.id == bindparam("wanted")))


def put(session: Session, number: int) -> int:
    INSERT.run(session, {"id": number, "body": b"x"})
    return threading.get_ident()


def put_then_refuse(session: Session, number: int) -> int:
    put(session, number)
    raise Conflict


async def test_a_short_unit_returns_after_the_commit(database: Database) -> None:
    thread = await database.short(lambda session: put(session, 1))

    assert await database.read(count) == 1
    assert await database.read(lambda session: WANTED.rows(session, {"wanted": 1})) == [(1, b"x")]
    if isinstance(database, SqliteDatabase):
        assert thread == threading.get_ident()
        with sqlite3.connect(database.path) as other:
            assert other.execute("SELECT count(*) FROM test_note").fetchone() == (1,)


async def test_short_units_that_fail_take_nothing_of_their_neighbours_along(database: Database) -> None:
    many = repetitions(60)
    refused = range(0, many, 7)
    units = [database.short(lambda s, n=n: (put_then_refuse if n in refused else put)(s, n)) for n in range(many)]  # type: ignore[misc]
    units += [database.write(lambda s, n=n: (add_then_refuse if n % 5 == 0 else add)(s, n)) for n in range(many, 90)]  # type: ignore[misc,arg-type]

    results = await asyncio.gather(*units, return_exceptions=True)

    lost = len(refused) + len([n for n in range(many, 90) if n % 5 == 0])
    assert sum(isinstance(result, Conflict) for result in results) == lost
    assert await database.read(count) == max(many, 90) - lost


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_without_taking_the_group_back_a_failed_unit_would_leave_what_it_wrote(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = writer._Desk.attempt_bare
    monkeypatch.setattr(writer._Desk, "attempt_bare", lambda desk, ticket: real(desk, ticket) or True)

    await database.short(lambda session: put_then_refuse(session, 1))

    assert await database.read(count) == 1


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_group_that_begins_anew_makes_caches_forget_what_it_saw(database: Database) -> None:
    forgotten: list[bool] = []
    database.on_lost.append(lambda: forgotten.append(True))

    with pytest.raises(Conflict):
        await database.short(lambda session: put_then_refuse(session, 1))

    assert forgotten


async def test_a_short_unit_that_is_refused_before_it_wrote_leaves_its_group_alone(database: Database) -> None:
    forgotten: list[bool] = []
    database.on_lost.append(lambda: forgotten.append(True))

    def refuse(session: Session) -> int:
        WANTED.rows(session, {"wanted": 1})
        raise Conflict

    results = await asyncio.gather(database.short(lambda s: put(s, 1)), database.short(refuse), return_exceptions=True)

    assert isinstance(results[1], Conflict) and await database.read(count) == 1
    assert not forgotten


async def test_the_second_of_two_equal_keys_fails_in_short_units_too(database: Database) -> None:
    units = [database.short(lambda session: put(session, 7)) for _ in range(20)]

    results = await asyncio.gather(*units, return_exceptions=True)

    assert sum(isinstance(result, IntegrityError) for result in results) == 19
    assert await database.read(count) == 1


async def test_a_short_unit_may_use_the_session_and_a_savepoint(database: Database) -> None:
    def unit(session: Session) -> int:
        add(session, 1)
        with pytest.raises(IntegrityError), session.begin_nested():
            add(session, 1)
        session.add(Note(id=2))
        return put(session, 3)

    await database.short(unit)

    assert await database.read(count) == 3


async def groups_of_eight_clients(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How large the groups are if one client comes while those of the other seven are committed; all write twice."""
    sizes: list[int] = []
    open_gate = threading.Event()
    real = writer.GroupWriter._commit

    def commit(own: writer.GroupWriter, group: list[writer._Ticket]) -> None:
        open_gate.wait()
        sizes.append(len(group))
        real(own, group)

    async def client(number: int) -> None:
        for own in (number, number + 10):
            await database.short(partial(put, number=own))
            for _ in range(3):  # the way to a client and back
                await asyncio.sleep(0)

    monkeypatch.setattr(writer.GroupWriter, "_commit", commit)
    monkeypatch.setattr(writer, "LOOK", 0.2)
    clients = [asyncio.ensure_future(client(number)) for number in range(7)]
    for _ in range(3):
        await asyncio.sleep(0)
    clients.append(asyncio.ensure_future(client(7)))
    await asyncio.sleep(0)
    open_gate.set()
    await asyncio.gather(*clients)
    return sizes


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_group_waits_for_those_who_were_just_answered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await groups_of_eight_clients(database, monkeypatch) == [7, 8, 1]


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_group_that_waits_for_nobody_leaves_one_client_alone_for_ever(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = writer.GroupWriter._run_short
    monkeypatch.setattr(writer.GroupWriter, "_await_others", lambda own, loop: loop.call_soon(begin, own))

    assert await groups_of_eight_clients(database, monkeypatch) == [7, 1, 7, 1]


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_the_event_loop_does_not_wait_for_another_process_that_writes(database: Database) -> None:
    assert isinstance(database, SqliteDatabase)
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    waiting = asyncio.ensure_future(database.short(lambda session: put(session, 1)))
    turns = 0
    while turns < 100:
        await asyncio.sleep(0)
        turns += 1
    assert not waiting.done()
    other.execute("COMMIT")

    assert await waiting != threading.get_ident()
    assert await database.read(count) == 1
    other.close()


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_disk_that_fills_up_is_said_to_all_who_shared_the_group(database: Database) -> None:
    await database.write(lambda session: session.connection().exec_driver_sql("PRAGMA max_page_count=200") and None)

    def large(session: Session) -> int:
        return INSERT.run(session, {"id": 2, "body": b"x" * 2 * MEGABYTE})

    results = await asyncio.gather(database.short(large), database.short(large), return_exceptions=True)

    assert all(isinstance(result, DiskFull) for result in results)
    await database.short(lambda session: put(session, 3))
    assert await database.read(count) == 1


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_closing_finishes_short_units_and_refuses_more(database: Database) -> None:
    waiting = [asyncio.ensure_future(database.short(lambda s, n=n: put(s, n))) for n in range(200)]  # type: ignore[misc]
    await asyncio.sleep(0)

    await database.close()

    assert len(await asyncio.gather(*waiting)) == 200
    with pytest.raises(Unavailable):
        await database.short(lambda session: put(session, 999))


def one(number: int, *, answer: int | None) -> One[int]:
    def result(found: Sequence[Row]) -> int | None:
        return answer

    return One(INSERT, {"id": number, "body": b"y"}, result)


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_unit_that_is_one_statement_is_one_round_trip(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_self: PostgresDatabase, _unit: object) -> None:
        raise AssertionError

    monkeypatch.setattr(PostgresDatabase, "write", never)

    assert await database.short(lambda session: add(session, 1), lambda: one(1, answer=5)) == 5

    monkeypatch.undo()
    assert await database.read(count) == 1


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_what_one_statement_can_not_decide_or_the_server_refuses_is_decided_by_the_unit(
    database: Database,
) -> None:
    assert await database.short(lambda session: add(session, 2), lambda: one(1, answer=None)) == 2
    assert await database.short(lambda session: add(session, 3), lambda: one(1, answer=9)) == 3
    assert await database.short(lambda session: add(session, 4), lambda: None) == 4

    assert await database.read(count) == 4


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_cut_line_is_a_503_and_the_next_statement_has_a_new_one(database: Database) -> None:
    await database.short(lambda session: 0, lambda: one(1, answer=1))
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    cut = f"{end} AND pid <> pg_backend_pid()"
    await database.write(lambda session: session.connection().exec_driver_sql(cut).fetchall() and None)

    with pytest.raises(Unavailable):
        await database.short(lambda session: 0, lambda: one(2, answer=1))

    assert await database.short(lambda session: 0, lambda: one(3, answer=1)) == 1


def test_a_statement_with_a_list_in_it_is_refused() -> None:
    with pytest.raises(ListInStatementError):
        Statement(select(TABLE).where(TABLE.c.id.in_([1, 2]))).on_sqlite  # noqa: B018  # the text is made when asked
