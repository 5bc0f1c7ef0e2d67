"""What every HTTP answer has: a request id, a log line without persons, a body limit, and problems as data."""

import secrets
import time
from collections.abc import Callable, Mapping

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.problems import (
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    Issue,
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

REQUEST_ID = "x-request-id"
Render = Callable[[Problem], Response]
BY_STATUS: Mapping[int, type[Problem]] = {
    kind.status: kind
    for kind in (
        BadRequest,
        Unauthorized,
        Forbidden,
        NotFound,
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


def install(app: FastAPI, *, limits: Mapping[str, int], renders: Mapping[str, Render]) -> None:
    """Nothing; the app has request ids, log lines, body limits by path prefix and problem answers by path prefix.

    The longest prefix wins; `limits` must have one for "", `renders` may (RFC 9457 otherwise).
    """
    by_prefix = dict(sorted({"": problem_response, **renders}.items(), key=lambda entry: -len(entry[0])))

    def render(request: Request, problem: Problem) -> Response:
        return next(form for prefix, form in by_prefix.items() if request.url.path.startswith(prefix))(problem)

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        if error.status >= 500:
            log.error("problem", error=type(error).__name__)
        return render(request, error)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return render(request, _from_http(error))

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        # Where and what kind, never the input: it may be a birth date.
        issues = [Issue("invalid", e["msg"], (".".join(map(str, e["loc"])),)) for e in error.errors()]
        return render(request, Unprocessable(issues[0].text if issues else "", issues=issues))

    async def on_bug(request: Request, error: Exception) -> Response:
        frame = error.__traceback__
        while frame is not None and frame.tb_next is not None:
            frame = frame.tb_next
        where = f"{frame.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.tb_lineno}" if frame else ""
        log.error("unexpected_error", error=type(error).__name__, where=where)
        return render(request, Problem())

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Exception, on_bug)
    app.add_middleware(BodyLimit, limits=limits)
    app.add_middleware(RequestLog)


def _from_http(error: HTTPException) -> Problem:
    kind = BY_STATUS.get(error.status_code)
    if kind is None:
        kind = type("HttpProblem", (Problem,), {"status": error.status_code, "__doc__": str(error.detail)})
    text = str(error.detail) if error.status_code in (400, 405) else ""
    return kind(text, headers=dict(error.headers or {}))


class BodyLimit:
    """Refuses a body beyond the limit of its path, by its announced length or as soon as it has grown too long."""

    def __init__(self, app: ASGIApp, limits: Mapping[str, int]) -> None:
        self.app = app
        self.limits = sorted(limits.items(), key=lambda entry: -len(entry[0]))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting `receive`."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = next(size for prefix, size in self.limits if scope["path"].startswith(prefix))
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        too_large = announced.isdigit() and int(announced) > limit
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            if too_large:
                raise HTTPException(TooLarge.status)
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                # An HTTPException, as FastAPI turns any other error while reading a body into a 400.
                raise HTTPException(TooLarge.status)
            return message

        await self.app(scope, counted, send)


class RequestLog:
    """Gives each request an id and writes one line about it: the route's template, never the path or the query."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; log it when it is answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (REQUEST_ID.encode(), request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, noted)
            finally:
                route = getattr(scope.get("route"), "path", "")
                milliseconds = round((time.perf_counter() - started) * 1000, 1)
                log.info("request", method=scope["method"], route=route, status=status, milliseconds=milliseconds)
