"""Serving processes that start in a fraction of a second: `python -m tests.crash.nursery LOG`.

Importing the service takes two seconds. This process does it once and forks; each child runs the same function as
`telemed serve`. On its standard input: `start PORT` (answered with the child's number) and `reap` (answered with `gone`).
`hasty PORT` starts a server that acknowledges before the commit: a test that does not see the difference is worth nothing.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from infra.database import Session, SqliteDatabase

BEFORE_COMMIT = 0.1


def main(log: str) -> None:
    """Nothing; every order has been carried out and no child is left."""
    serve = _imported()
    child = 0
    for line in sys.stdin:
        order, _, port = line.strip().partition(" ")
        if order in ("start", "hasty"):
            child = os.fork()
            if child == 0:
                if order == "hasty":
                    _make_hasty()
                _become_server(serve, int(port), log)
            _say(str(child))
        elif child:
            os.waitpid(child, 0)
            child = 0
            _say("gone")
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _imported() -> Callable[..., None]:
    import telemed.app
    from fhir import rules
    from telemed.__main__ import serve

    assert telemed.app is not None
    rules.prepare()
    return serve


def _become_server(serve: Callable[..., None], port: int, log: str) -> None:
    # The orders belong to the parent, and what a server says is no answer to them.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        serve(port=port)
    finally:
        os._exit(1)


def _make_hasty() -> None:
    careful = SqliteDatabase.write

    async def write(self: SqliteDatabase, unit: Callable[[Session], Any]) -> Any:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Any] = loop.create_future()

        def hasty(session: Session) -> Any:
            made = unit(session)
            loop.call_soon_threadsafe(result.set_result, made)
            time.sleep(BEFORE_COMMIT)
            return made

        committed = asyncio.ensure_future(careful(self, hasty))
        await asyncio.wait({result, committed}, return_when=asyncio.FIRST_COMPLETED)
        return result.result() if result.done() else committed.result()

    async def short(self: SqliteDatabase, unit: Callable[[Session], Any], one: object = None) -> Any:
        return await write(self, unit)

    SqliteDatabase.write = write  # type: ignore[method-assign]  # what the whole process is for
    SqliteDatabase.short = short  # type: ignore[method-assign]  # as above


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
