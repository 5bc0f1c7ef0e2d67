"""What is around every HTTP exchange: a request id, a body limit, headers that each answer has, and one log line.

One layer does all of it, as each layer costs every request. The line names the route's template, never the path or the
query. README.md, decision 8.
"""

import os
import time
from collections.abc import Awaitable, Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra import log
from infra.problems import BadRequest, Problem, TooLarge

REQUEST_ID = "x-request-id"
TRY_AGAIN_LATER = 1013  # of a socket, https://www.iana.org/assignments/websocket
# Finds the application that answers a request itself, without trying the routes one after the other.
Direct = Callable[[Scope], ASGIApp | None]
# Lets a request pass with None, or with what is to be waited for first; a `Problem` is its refusal.
Admit = Callable[[Scope], Awaitable[None] | None]
Refusal = Callable[[Scope, Problem], ASGIApp]


class Misframed(BadRequest):
    """Send one Host, and a body either with its Content-Length or in chunks alone (RFC 9112, 3.2 and 6.1)."""


def nothing_direct(_scope: Scope) -> None:
    """Nothing is answered before the routes are tried."""


def everybody(_scope: Scope) -> None:
    """Every request may pass."""


class Envelope:
    """Wraps the application; `headers` are added where an answer lacks them, the longest prefix in `limits` counts.

    `scheme` is what the other side speaks, where TLS ends in front of us.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Mapping[str, int],
        headers: Mapping[str, str],
        refusal: Refusal,
        direct: Direct = nothing_direct,
        scheme: str = "",
    ) -> None:
        self.app = app
        self.limits = sorted(limits.items(), key=lambda entry: -len(entry[0]))
        self.headers = {name.lower().encode(): value.encode() for name, value in headers.items()}
        self.refusal = refusal
        self.direct = direct
        self.scheme = scheme
        # Set when the parts that count are open.
        self.admit: Admit = everybody

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; log it when it is answered."""
        if scope["type"] != "http":
            await (await self._speaking(scope))(scope, receive, send)
            return
        if self.scheme:
            scope["scheme"] = self.scheme
        request_id = os.urandom(8).hex()
        scope.setdefault("state", {})["request_id"] = request_id
        context = log.enter(request_id=request_id)
        started = time.perf_counter()
        status = 500
        added = self.headers

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message.get("headers", ()))
                present = {name for name, _ in headers}
                headers += [entry for entry in added.items() if entry[0] not in present]
                headers.append((REQUEST_ID.encode(), request_id.encode()))
                message["headers"] = headers
            await send(message)

        try:
            await (await self._answering(scope))(scope, self._limited(scope, receive), noted)
        finally:
            route = getattr(scope.get("route"), "path", "")
            milliseconds = round((time.perf_counter() - started) * 1000, 1)
            log.line("request", method=scope["method"], route=route, status=status, milliseconds=milliseconds)
            log.leave(context)

    async def _speaking(self, scope: Scope) -> ASGIApp:
        """What speaks on a socket: the application, or a refusal of the handshake (403) of who asks too often."""
        try:
            waiting = self.admit(scope) if scope["type"] == "websocket" else None
            if waiting is not None:
                await waiting
        except Problem:
            return _closed
        return self.app

    async def _answering(self, scope: Scope) -> ASGIApp:
        """What answers the request: the application, or the refusal of who asks too often or in two ways at once."""
        try:
            refuse_misframed(scope)
            waiting = self.admit(scope)
            if waiting is not None:
                await waiting
        except Problem as problem:
            return self.refusal(scope, problem)
        return self.direct(scope) or self.app

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """The same `receive`, or one that refuses a body beyond the limit of its path."""
        announced = None
        for name, value in scope["headers"]:
            if name == b"content-length":
                announced = value
            elif name == b"transfer-encoding":
                return _counted(receive, self._limit(scope), seen=0)
        # A body has a length or is chunked (RFC 9112, 6.3), and the server keeps to the length that was announced.
        if announced is None:
            return receive
        limit = self._limit(scope)
        length = int(announced) if announced.isdigit() else 0
        return receive if length <= limit else _counted(receive, limit, seen=length)

    def _limit(self, scope: Scope) -> int:
        return next(size for prefix, size in self.limits if scope["path"].startswith(prefix))


def refuse_misframed(scope: Scope) -> None:
    """Nothing; `Misframed` for a request that a proxy in front of us may have read as another one.

    Two Hosts are of two sites; codings beneath the chunks, or a length beside them, end elsewhere for who ignores them.
    """
    hosts, lengths, coded = 0, 0, b""
    for name, value in scope["headers"]:
        if name == b"host":
            hosts += 1
        elif name == b"content-length":
            lengths += 1
        elif name == b"transfer-encoding":
            coded = b"," if coded else value.strip().lower()
    if hosts > 1 or lengths > 1 or (coded and (coded != b"chunked" or lengths)):
        raise Misframed


async def _closed(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})


def _counted(receive: Receive, limit: int, *, seen: int) -> Callable[[], Awaitable[Message]]:
    """A `receive` that refuses as soon as more has come than the limit; `seen` is what is known to come."""

    async def counted() -> Message:
        nonlocal seen
        message = await receive() if seen <= limit else {}
        seen += len(message.get("body", b""))
        if seen > limit:
            # An HTTPException, as FastAPI turns any other error while reading a body into a 400.
            raise HTTPException(TooLarge.status, f"The body is larger than the limit of {limit} bytes.")
        return message

    return counted
