"""Problems as data, in the form that a path asks for; `install` also puts the envelope around the application."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.envelope import Direct, Envelope, nothing_direct
from infra.problems import (
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    Issue,
    MethodNotAllowed,
    NotFound,
    Problem,
    TooLarge,
    TooMany,
    Unauthorized,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
)

log = structlog.get_logger()

Render = Callable[[Problem], Response]
RenderFor = Callable[[Request, Problem], Response]
Endpoint = Callable[[Request], Awaitable[Response]]
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
BY_STATUS: Mapping[int, type[Problem]] = {
    kind.status: kind
    for kind in (
        BadRequest,
        Unauthorized,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        Conflict,
        Gone,
        TooLarge,
        UnsupportedMediaType,
        Unprocessable,
        TooMany,
        Unavailable,
    )
}


def problem_response(problem: Problem) -> Response:
    """The problem as RFC 9457 problem+json; nothing in the body varies from request to request."""
    body: dict[str, object] = {"title": problem.title, "status": problem.status, "detail": problem.text}
    if len(problem.issues) > 1 or any(issue.expression for issue in problem.issues):
        body["issues"] = [msgspec.to_builtins(issue) for issue in problem.issues]
    return Response(
        msgspec.json.encode(body), problem.status, headers=problem.headers, media_type="application/problem+json"
    )


def as_data(_request: Request, problem: Problem) -> Response:
    """The same, whoever asks."""
    return problem_response(problem)


def allowed(app: FastAPI, path: str, *, ending: str = "") -> list[str]:
    """The methods that the routes at a path take together (RFC 9110 15.5.6); of those alone that are written so."""
    found = [route for route in _routes_at(app, path) if (route.path or "").endswith(ending)]
    # An address that a route has word for word is that route's, whatever else would fit.
    found = [route for route in found if route.path == path] or found
    return sorted({method for route in found for method in route.methods or ()})


def _routes_at(app: FastAPI, path: str) -> Iterator[Any]:
    for route in iter_route_contexts(app.router.routes):
        pattern = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(path):
            yield route


def _without_body(send: Send) -> Send:
    async def sent(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return sent


class Application(FastAPI):
    """FastAPI with an envelope around all of it. What is answered directly never meets FastAPI's own layers."""

    envelope: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or speak on a socket."""
        if self.envelope is None or scope["type"] not in ("http", "websocket"):
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        await self.envelope(scope, receive, send)

    async def routed(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by FastAPI's layers and routes; HEAD as GET without its body (RFC 9110, 9.3.2)."""
        if scope["type"] == "http" and scope["method"] == "HEAD" and not self._takes_head(scope):
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        await super().__call__(scope, receive, send)

    def _takes_head(self, scope: Scope) -> bool:
        return any("HEAD" in (route.methods or ()) for route in _routes_at(self, scope["path"]))


def install(
    app: Application,
    *,
    limits: Mapping[str, int],
    renders: Mapping[str, RenderFor],
    headers: Mapping[str, str] = NO_HEADERS,
    direct: Direct = nothing_direct,
    scheme: str = "",
) -> None:
    """Nothing; the app has its envelope, body limits by path prefix and problem answers by path prefix.

    The longest prefix wins; `limits` must have one for "", `renders` may (RFC 9457 otherwise).
    """
    by_prefix = dict(sorted({"": as_data, **renders}.items(), key=lambda entry: -len(entry[0])))

    def render(request: Request, problem: Problem) -> Response:
        form = next(form for prefix, form in by_prefix.items() if request.url.path.startswith(prefix))
        return form(request, problem)

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return render(request, _noted(error))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == MethodNotAllowed.status:
            # The router names those of the first route at the address alone.
            error.headers = {"Allow": ", ".join(allowed(app, request.url.path))}
        return render(request, _from_http(error))

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        # Where and what kind, never the input: it may be a birth date.
        issues = [Issue("invalid", e["msg"], (".".join(map(str, e["loc"])),)) for e in error.errors()]
        return render(request, Unprocessable(issues[0].text if issues else "", issues=issues))

    async def on_bug(request: Request, error: Exception) -> Response:
        return render(request, _bug(error))

    async def on_gone(request: Request, error: Exception) -> Response:
        return render(request, ClientGone())

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(ClientDisconnect, on_gone)
    app.add_exception_handler(Exception, on_bug)

    def refusal(scope: Scope, problem: Problem) -> ASGIApp:
        return render(Request(scope), problem)

    app.envelope = app.state.envelope = Envelope(
        app.routed, limits=limits, headers=headers, refusal=refusal, direct=direct, scheme=scheme
    )


class _Headers(Headers):
    """Headers that are looked at several times: found by name, not by going through all of them each time."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope=scope)
        self._first = dict(reversed(self._list))
        self._all_once = len(self._first) == len(self._list)

    def get(self, key: str, default: Any = None) -> Any:
        """The first header of a name."""
        value = self._first.get(key.lower().encode("latin-1"))
        return default if value is None else value.decode("latin-1")

    def getlist(self, key: str) -> list[str]:
        """All headers of a name."""
        if not self._all_once:
            return super().getlist(key)
        value = self.get(key)
        return [] if value is None else [value]


class _Request(Request):
    # There from the beginning: asking an object whether it has an attribute makes an error each time it has not.
    _read: _Headers | None = None

    @property
    def headers(self) -> Headers:
        """The headers of the request."""
        if self._read is None:
            self._read = _Headers(self.scope)
        return self._read

    async def body(self) -> bytes:
        """The whole body; most come in one piece, for which Starlette's stream costs 15 us."""
        if not hasattr(self, "_body"):
            parts: list[bytes] = []
            more = True
            while more:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                parts.append(message.get("body", b""))
                more = message.get("more_body", False)
            self._body = b"".join(parts)
        return self._body


def answering(endpoint: Endpoint, render: Render) -> ASGIApp:
    """The application that is one endpoint and its problems in one form: what a route is without its router."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await endpoint(_Request(scope, receive, send))
        except Problem as problem:
            response = render(_noted(problem))
        except HTTPException as error:
            response = render(_from_http(error))
        except ClientDisconnect:
            response = render(ClientGone())
        except Exception as error:  # the edge, as FastAPI's own is for the routes
            response = render(_bug(error))
        await response(scope, receive, send)

    return answer


def _bug(error: Exception) -> Problem:
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{frame.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.tb_lineno}" if frame else ""
    log.error("unexpected_error", error=type(error).__name__, where=where)
    return Problem()


class ClientGone(Problem):
    """The client went away before its request was here as a whole. Nobody reads this."""

    status = 499  # as nginx logs it; nothing of ours went wrong


def _noted(problem: Problem) -> Problem:
    if problem.status >= 500:
        log.error("problem", error=type(problem).__name__)
    return problem


def _from_http(error: HTTPException) -> Problem:
    kind = BY_STATUS.get(error.status_code)
    if kind is None:
        kind = type("HttpProblem", (Problem,), {"status": error.status_code, "__doc__": str(error.detail)})
    text = str(error.detail) if error.status_code in (BadRequest.status, TooLarge.status) else ""
    return kind(text, headers=dict(error.headers or {}))
