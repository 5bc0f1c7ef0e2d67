"""Connections to PostgreSQL for units that are one statement: committed by itself, one round trip, no pool's questions.

A statement is prepared on a connection when it is first used there (asyncpg keeps the latest hundred).
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # has no stubs
from sqlalchemy import URL
from sqlalchemy.dialects.postgresql import asyncpg as dialect

from infra.problems import DiskFull, Unavailable
from infra.statements import Form, Row

FULL = "53100"
GONE = ("08", "57P")  # connection exceptions and the server's shutdown (PostgreSQL, appendix A)
SILENT = "The database does not answer. Try again shortly."


class Lines:
    """At most so many connections; the one used last is used next, so that the fewest do the most."""

    def __init__(self, url: URL, *, most: int) -> None:
        _, self._options = dialect.dialect().create_connect_args(url)  # type: ignore[no-untyped-call]  # SQLAlchemy's
        self._free: list[Any] = []
        self._permits = asyncio.Semaphore(most)

    async def ask(self, form: Form, values: Mapping[str, Any]) -> Sequence[Row] | None:
        """The rows of the statement, which is committed; None if the server refused it and nothing was done."""
        async with self._permits:
            try:
                line = self._free.pop() if self._free else await asyncpg.connect(**self._options)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise (DiskFull() if _is_full(error) else Unavailable(SILENT)) from error
            rows = await _asked(line, form, values)
            self._free.append(line)
        return None if rows is None else form.converted(rows)

    async def close(self) -> None:
        """Nothing; no connection is left."""
        while self._free:
            await self._free.pop().close()


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
