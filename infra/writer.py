"""The one writer on SQLite: units from all requests run in one thread and share a commit.

Each unit has a savepoint, so one that fails takes nothing of its neighbours along. While the disk is busy with a commit
the next units gather, which is all the grouping there is: no timer, no added delay when nobody else is writing.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from infra.problems import DiskFull, Unavailable
from infra.statements import DRIVER

T = TypeVar("T")
GROUP = 128


@dataclass(slots=True)
class _Ticket:
    unit: Callable[[Session], Any]
    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None


class _GroupLostError(Exception):
    pass


class GroupWriter:
    """Runs units one after another and commits them in groups; `lost` is called when a group could not be committed."""

    def __init__(self, engine: Engine, *, lost: Callable[[], None]) -> None:
        self._engine = engine
        self._lost = lost
        self._queue: queue.SimpleQueue[_Ticket | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def run(self, unit: Callable[[Session], T]) -> T:
        """What the unit returns, once its group is committed."""
        if self._closed:
            raise Unavailable("The service is stopping. Try again shortly.")
        loop = asyncio.get_running_loop()
        ticket = _Ticket(unit, loop.create_future(), loop)
        self._queue.put(ticket)
        result: T = await ticket.future
        return result

    def close(self) -> None:
        """Nothing; all units handed in before this are done."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (ticket := self._queue.get()) is not None:
            group = self._commit(ticket)
            # One wake-up of the loop for the whole group.
            for loop in {done.loop for done in group}:
                loop.call_soon_threadsafe(_settle, [done for done in group if done.loop is loop])
            del ticket, group  # so that a finished unit is not kept alive while the queue is empty

    def _commit(self, first: _Ticket) -> list[_Ticket]:
        group = [first]
        try:
            with self._engine.connect() as connection, connection.begin():
                driver = cast(sqlite3.Connection, connection.connection.driver_connection)
                # One session serves the group: it asks SQLAlchemy for nothing until a unit uses it, then within a
                # savepoint of its own.
                session = Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
                _attempt(first, session, driver)
                while len(group) < GROUP and (ticket := self._next()) is not None:
                    group.append(ticket)
                    _attempt(ticket, session, driver)
        except (DBAPIError, sqlite3.Error, _GroupLostError) as error:
            self._lost()
            for ticket in group:  # nothing of the group is on disk, whatever a unit thought
                ticket.error = translated(error.__cause__ or error)
        return group

    def _next(self) -> _Ticket | None:
        try:
            ticket = self._queue.get_nowait()
        except queue.Empty:
            return None
        if ticket is None:
            self._queue.put(None)  # the stop sign stays for _serve
        return ticket


def _attempt(ticket: _Ticket, session: Session, driver: sqlite3.Connection) -> None:
    try:
        driver.execute("SAVEPOINT unit")
        session.info[DRIVER] = driver
        ticket.result = ticket.unit(session)
        if session.in_transaction() or session.new:
            session.commit()
            session.close()
        driver.execute("RELEASE unit")
    except BaseException as error:  # whatever a unit raises belongs to its caller, not to this thread
        # A full disk makes SQLite roll the whole transaction back by itself.
        if not driver.in_transaction:
            raise _GroupLostError from _first(error)
        session.close()
        driver.execute("ROLLBACK TO unit")
        driver.execute("RELEASE unit")
        ticket.error = translated(error)
    session.info.clear()


def _first(error: BaseException) -> BaseException:
    # The savepoint is gone as well, so that rolling back to it failed too and hides what came first.
    first, at = error, error.__context__
    while at is not None:
        first = at if isinstance(at, DBAPIError | sqlite3.Error) else first
        at = at.__context__
    return first


def _settle(tickets: list[_Ticket]) -> None:
    for ticket in tickets:
        if ticket.future.done():  # the client went away
            continue
        if ticket.error is not None:
            ticket.future.set_exception(ticket.error)
        else:
            ticket.future.set_result(ticket.result)


def translated(error: BaseException) -> BaseException:
    """The problem that a driver's error means, or the error itself."""
    origin = getattr(error, "orig", None) or error
    if isinstance(origin, sqlite3.Error):
        if origin.sqlite_errorname in ("SQLITE_FULL", "SQLITE_IOERR_WRITE"):
            return DiskFull()
        if origin.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
            return Unavailable("The database does not answer. Try again shortly.")
    return error
