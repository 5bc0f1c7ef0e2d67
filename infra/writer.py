"""The one writer on SQLite: units from all requests take turns on one connection and share a commit.

A unit that fails takes nothing of its neighbours along: it has a savepoint, or its group begins anew. While the disk is busy with a commit
the next units gather, which is nearly all the grouping there is: no timer, no delay when nobody else is writing.

Units run in the writer's thread. Short ones (`run_short`) run where they are asked for, in the event loop, when it is
their turn: handing one to a thread and back costs more than it does itself. Only their commit is left to a thread.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session

from infra.problems import DiskFull, Unavailable
from infra.statements import DRIVER

T = TypeVar("T")
GROUP = 128
# Short units that run in one go before the event loop looks at its sockets again: some milliseconds.
AT_ONCE = 64
# Short units wait for those who were answered last, as most of these ask again at once: a group of all costs one commit and
# one hand-over to the committer's thread. So long as more come, they are waited for so often, each time for the shortest
# time that the event loop's clock tells, in seconds.
LOOKS, LOOK = 4, 0.001
# How long a group waits for another process that writes, and how often it looks.
PATIENCE, PAUSE = 5.0, 0.005


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
        self._desk = _Desk(engine)
        self._lost = lost
        self._queue: queue.SimpleQueue[_Ticket | None] = queue.SimpleQueue()
        self._closed = False
        # Whoever holds it uses the connection: the thread for a group, or the event loop and then the committer.
        self._turn = threading.Lock()
        self._short: list[_Ticket] = []
        self._usual = 1  # how many short units are waited for: those answered last, and those who waited then
        self._timer: asyncio.TimerHandle | None = None
        self._done: queue.SimpleQueue[list[_Ticket] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name="sqlite-writer", daemon=True),
            threading.Thread(target=self._finish, name="sqlite-committer", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, unit: Callable[[Session], T]) -> T:
        """What the unit returns, once its group is committed."""
        ticket = self._ticket(unit)
        self._queue.put(ticket)
        result: T = await ticket.future
        return result

    async def run_short(self, unit: Callable[[Session], T]) -> T:
        """The same for a unit of less than a millisecond: it runs in the event loop itself."""
        ticket = self._ticket(unit)
        self._short.append(ticket)
        if len(self._short) >= self._usual or len(self._short) == 1:
            self._await_others(ticket.loop)
        result: T = await ticket.future
        return result

    def close(self) -> None:
        """Nothing; all units handed in before this are done."""
        self._closed = True
        with self._turn:
            waiting, self._short = self._short, []
        for ticket in waiting:
            self._queue.put(ticket)
        self._queue.put(None)
        self._done.put(None)
        for thread in self._threads:
            thread.join()
        self._desk.close()

    def _ticket(self, unit: Callable[[Session], Any]) -> _Ticket:
        if self._closed:
            raise Unavailable("The service is stopping. Try again shortly.")
        loop = asyncio.get_running_loop()
        return _Ticket(unit, loop.create_future(), loop)

    def _await_others(self, loop: asyncio.AbstractEventLoop, looks: int = LOOKS) -> None:
        """Nothing; the short units that wait run at the end of this turn of the loop if all are here, else a little later."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if looks and len(self._short) < self._usual:
            self._timer = loop.call_later(LOOK, self._look_again, loop, len(self._short), looks - 1)
        else:
            loop.call_soon(self._run_short)

    def _look_again(self, loop: asyncio.AbstractEventLoop, before: int, looks: int) -> None:
        self._await_others(loop, looks if len(self._short) > before else 0)

    def _run_short(self) -> None:
        """Nothing; the short units that wait have run, or run as soon as the connection is free."""
        if not self._short or not self._turn.acquire(blocking=False):
            return  # whoever has the turn calls again
        group, self._short = self._short[:AT_ONCE], self._short[AT_ONCE:]
        try:
            self._desk.begin()
        except (DBAPIError, sqlite3.Error):
            # Another process writes: the thread may wait for it, the event loop may not.
            self._leave_to_thread(group)
            return
        except BaseException:
            self._turn.release()
            raise
        if all(map(self._desk.attempt_bare, group)):
            self._done.put(group)
        else:
            self._desk.close()
            self._lost()
            self._leave_to_thread(group)

    def _leave_to_thread(self, group: Sequence[_Ticket]) -> None:
        self._turn.release()
        for ticket in group:
            ticket.result = ticket.error = None
            self._queue.put(ticket)

    def _finish(self) -> None:
        """Nothing; short units that have run are committed, as long as the writer is open."""
        while (group := self._done.get()) is not None:
            self._commit(group)
            self._usual = min(len(group) + len(self._short), AT_ONCE)
            self._turn.release()
            self._tell(group)
            del group

    def _serve(self) -> None:
        while (ticket := self._queue.get()) is not None:
            with self._turn:
                group = self._group(ticket)
            self._tell(group)
            del ticket, group  # so that a finished unit is not kept alive while the queue is empty

    def _group(self, first: _Ticket) -> list[_Ticket]:
        group = [first]
        try:
            self._desk.begin_patiently()
            self._desk.attempt(first)
            while len(group) < GROUP and (ticket := self._next()) is not None:
                group.append(ticket)
                self._desk.attempt(ticket)
        except (DBAPIError, sqlite3.Error, _GroupLostError) as error:
            self._forget(group, error)
        else:
            self._commit(group)
        return group

    def _commit(self, group: list[_Ticket]) -> None:
        try:
            self._desk.commit()
        except (DBAPIError, sqlite3.Error) as error:
            self._forget(group, error)

    def _forget(self, group: list[_Ticket], error: BaseException) -> None:
        self._desk.close()
        self._lost()
        for ticket in group:  # nothing of the group is on disk, whatever a unit thought
            ticket.error = translated(error.__cause__ or error)

    def _tell(self, group: list[_Ticket]) -> None:
        # One wake-up of the loop for the whole group.
        for loop in {done.loop for done in group}:
            loop.call_soon_threadsafe(self._settle, [done for done in group if done.loop is loop])

    def _settle(self, tickets: list[_Ticket]) -> None:
        for ticket in tickets:
            if ticket.future.done():  # the client went away
                continue
            if ticket.error is not None:
                ticket.future.set_exception(ticket.error)
            else:
                ticket.future.set_result(ticket.result)
        if self._short:
            self._await_others(tickets[0].loop)

    def _next(self) -> _Ticket | None:
        try:
            ticket = self._queue.get_nowait()
        except queue.Empty:
            return None
        if ticket is None:
            self._queue.put(None)  # the stop sign stays for _serve
        return ticket


class _Desk:
    """The writing connection with its session; used by one at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None
        self._transaction: RootTransaction | None = None

    def begin(self) -> None:
        """Nothing; a transaction has begun. Refused at once if another process is writing."""
        if self._connection is None:
            self._connection = self._engine.connect()
            self._driver = cast(sqlite3.Connection, self._connection.connection.driver_connection)
            # It asks SQLAlchemy for nothing until a unit uses it, then within a savepoint of its own.
            self._session = Session(self._connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        try:
            self._transaction = self._connection.begin()
        except BaseException:
            self.close()
            raise

    def begin_patiently(self) -> None:
        """Nothing; a transaction has begun, once another process that writes has ended."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self.begin()
            except OperationalError as error:
                busy = getattr(error.orig, "sqlite_errorname", "").startswith("SQLITE_BUSY")
                if not busy or time.monotonic() > until:
                    raise
            time.sleep(PAUSE)

    def attempt_bare(self, ticket: _Ticket) -> bool:
        """True if the ticket knows what its unit returned or raised; False if the group must be taken back and repeated.

        Without a savepoint, for which SQLite would copy every page that the unit writes: 60 us for a create. A unit may
        run twice, so one that fails after it has written makes its group begin anew, each with a savepoint.
        """
        written = self._driver.total_changes
        try:
            self._run(ticket)
        except BaseException as error:  # whatever a unit raises belongs to its caller
            if not self._driver.in_transaction or self._driver.total_changes != written:
                return False
            self._session.close()
            ticket.error = translated(error)
        self._session.info.clear()
        return True

    def attempt(self, ticket: _Ticket) -> None:
        """Nothing; the ticket knows what its unit returned or raised, and what it wrote stands or is gone."""
        session, driver = self._session, self._driver
        try:
            driver.execute("SAVEPOINT unit")
            self._run(ticket)
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

    def _run(self, ticket: _Ticket) -> None:
        session = self._session
        session.info[DRIVER] = self._driver
        ticket.result = ticket.unit(session)
        if session.in_transaction() or session.new:
            session.commit()
            session.close()

    def commit(self) -> None:
        """Nothing; what was written since `begin` is on disk."""
        assert self._transaction is not None
        self._transaction.commit()

    def close(self) -> None:
        """Nothing; what is not committed is gone, and the next transaction begins with a new session."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError, sqlite3.Error):  # the savepoint may be gone with its transaction
                self._session.close()
            connection.close()


def _first(error: BaseException) -> BaseException:
    # The savepoint is gone as well, so that rolling back to it failed too and hides what came first.
    first, at = error, error.__context__
    while at is not None:
        first = at if isinstance(at, DBAPIError | sqlite3.Error) else first
        at = at.__context__
    return first


def translated(error: BaseException) -> BaseException:
    """The problem that a driver's error means, or the error itself."""
    origin = getattr(error, "orig", None) or error
    if isinstance(origin, sqlite3.Error):
        if origin.sqlite_errorname in ("SQLITE_FULL", "SQLITE_IOERR_WRITE"):
            return DiskFull()
        if origin.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")):
            return Unavailable("The database does not answer. Try again shortly.")
    return error
