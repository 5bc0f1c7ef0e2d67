"""The FHIR routes inside the test, asked synchronously, and what every answer must be.

Without an HTTP client: those refuse to send what is tried here.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp

from infra.database import open_database
from tests.fhir import record
from tests.fuzz import spending

FHIR = "application/fhir+json"
LONGEST = 60_000  # of an address; uvicorn refuses a request line of 64 KiB
Headers = dict[str, str | bytes]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


class Asker:
    """Asks and looks at each answer."""

    def __init__(self, runner: asyncio.Runner, app: ASGIApp) -> None:
        self._runner = runner
        self._app = app

    def ask(self, method: str, path: str | bytes, *, content: bytes = b"", headers: Headers | None = None) -> Answer:
        """The answer, which is no 5xx, came in time, and is an OperationOutcome where it is a refusal."""
        raw = (b"/fhir" + _bytes(path))[:LONGEST]
        sent = ({"content-type": FHIR} if content else {}) | (headers or {})
        began = time.process_time()
        answer = self._runner.run(_called(self._app, method, raw, headers=sent, content=content))
        spent = time.process_time() - began
        shown = f"{method} {raw[:300]!r} {content[:1000]!r} {headers}"
        assert not spending.takes_too_long(spent), f"took {spent:.1f} s: {shown}"
        assert answer.status < 500, f"{answer.status} {answer.body[:300]!r}: {shown}"
        if answer.status >= 400 and answer.body:
            assert answer.json()["resourceType"] == "OperationOutcome", shown
        return answer

    def create(self, resource: dict[str, Any]) -> str:
        """The id of a new resource."""
        answer = self.ask("POST", f"/{resource['resourceType']}", content=json.dumps(resource).encode())
        assert answer.status == 201, answer.body
        return str(answer.json()["id"])


@contextmanager
def asking(folder: Path, database_url: str) -> Iterator[Asker]:
    """The routes on a database with all tables."""
    with asyncio.Runner() as runner:
        database = open_database(database_url)
        try:
            yield Asker(runner, record.app(database, record.store(folder)))
        finally:
            runner.run(database.close())


async def _called(
    app: ASGIApp, method: str, raw: bytes, *, headers: Mapping[str, str | bytes], content: bytes
) -> Answer:
    path, _, query = raw.partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path.decode("ascii", "replace")),  # as uvicorn does it
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.encode(), _bytes(value)) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
    }
    waiting = [{"type": "http.request", "body": content, "more_body": False}]
    status, parts = 0, list[bytes]()

    async def receive() -> dict[str, Any]:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return Answer(status, b"".join(parts))


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
