"""Connections to PostgreSQL for units that are one statement: committed by itself, one round trip, no pool's questions.

A statement is prepared on a connection when it is first used there (asyncpg keeps the latest hundred).
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # has no stubs
from sqlalchemy import URL
from sqlalchemy.dialects.postgresql import asyncpg as dialect

from infra.clock import Clock
from infra.problems import DiskFull, Unavailable
from infra.row_security import AT_FIRST, EVERY, Told
from infra.statements import Form, Row

FULL = "53100"
GONE = ("08", "57P")  # connection exceptions and the server's shutdown (PostgreSQL, appendix A)
SILENT = "The database does not answer. Try again shortly."


class Lines:
    """At most so many connections; the one used last is used next, so that the fewest do the most.

    Each works for one tenant until it is told another, which is a round trip: where there is one that already works for
    the tenant, that one is used. Once a minute it is told the time.
    """

    def __init__(self, url: URL, clock: Clock, *, most: int) -> None:
        _, self._options = dialect.dialect().create_connect_args(url)  # type: ignore[no-untyped-call]  # SQLAlchemy's
        self._clock = clock
        self._free: list[tuple[Told, Any]] = []
        self._permits = asyncio.Semaphore(most)

    async def ask(self, form: Form, values: Mapping[str, Any], *, tenant: str = EVERY) -> Sequence[Row] | None:
        """The rows of the statement, which is committed; None if the server refused it and nothing was done."""
        async with self._permits:
            now = self._clock.now()
            told, line = self._taken(tenant, now)
            try:
                if line is None:
                    line = await asyncpg.connect(**self._options, server_settings=AT_FIRST)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise (DiskFull() if _is_full(error) else Unavailable(SILENT)) from error
            if not told.holds(tenant, now):
                told = Told(tenant, now)
                await _tell(line, told)
            rows = await _asked(line, form, values)
            self._free.append((told, line))
        return None if rows is None else form.converted(rows)

    def _taken(self, tenant: str, now: datetime) -> tuple[Told, Any]:
        """A free connection and what it was told: the last that works for the tenant, else the one unused for longest."""
        for at in range(len(self._free) - 1, -1, -1):
            if self._free[at][0].tenant == tenant:
                return self._free.pop(at)
        return self._free.pop(0) if self._free else (Told(EVERY, now), None)

    async def close(self) -> None:
        """Nothing; no connection is left."""
        while self._free:
            await self._free.pop()[1].close()


async def _tell(line: Any, told: Told) -> None:
    try:
        await line.execute(told.statement)
    except BaseException as error:  # for whom it works now is known to nobody
        line.terminate()
        if isinstance(error, OSError | asyncpg.PostgresError | asyncpg.InterfaceError | asyncpg.InternalClientError):
            raise (DiskFull() if _is_full(error) else Unavailable(SILENT)) from error
        raise


async def _asked(line: Any, form: Form, values: Mapping[str, Any]) -> Sequence[Row] | None:
    try:
        rows: Sequence[Row] = await line.fetch(form.text, *form.bound(values))
    except asyncpg.PostgresError as error:
        if _is_full(error):
            line.terminate()
            raise DiskFull from error
        if str(error.sqlstate).startswith(GONE):
            line.terminate()
            raise Unavailable(SILENT) from error
        return None
    except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        # The last is what asyncpg says of a line that was cut while it began to speak.
        line.terminate()
        raise Unavailable(SILENT) from error
    except BaseException:  # the client went away in the middle; whether it was done is known to nobody
        line.terminate()
        raise
    return rows


def _is_full(error: Exception) -> bool:
    return getattr(error, "sqlstate", None) == FULL
