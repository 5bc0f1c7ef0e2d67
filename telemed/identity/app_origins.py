"""Apps that run in a browser, on a page of another origin: which may ask us from there (https://fetch.spec.whatwg.org/).

Those of registered apps alone, and without cookies: `Access-Control-Allow-Credentials` is never sent, so a page of
theirs can do with a bearer token what any program can, and nothing with the session of whoever is signed in here.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.clock import Clock
from infra.database import Database
from telemed.identity.addresses import origin
from telemed.identity.models import OAuthClient

FRESH: Final = timedelta(seconds=30)
OPEN: Final = ("/fhir", "/fhir/", "/oauth/token", "/oauth/revoke", "/oauth/jwks.json", "/.well-known/")
METHODS: Final = "GET, POST, PUT, PATCH, DELETE, HEAD"
SENT: Final = (
    "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, Prefer,"
    " Idempotency-Key, Cache-Control"
)
READ: Final = "ETag, Location, Content-Location, Last-Modified, WWW-Authenticate, Retry-After, X-Request-Id"
PREFLIGHT_SECONDS: Final = "600"


class AppOrigins:
    """The origins of the apps that are on, as they were at most half a minute ago. One for a process."""

    def __init__(self, clock: Clock) -> None:
        self._now = clock.now
        self._looked = datetime.min.replace(tzinfo=UTC)
        self._found: frozenset[str] = frozenset()

    async def holds(self, database: Database, asked: str) -> bool:
        """True if an app that is on lives at this origin."""
        if self._now() - self._looked >= FRESH:
            self._looked = self._now()
            self._found = await database.read(_origins)
        return asked in self._found


class CrossOrigin:
    """Wraps the application: answers preflights, and marks answers as readable for the origins of apps."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, unless it asks whether another may be sent."""
        asked = _origin(scope)
        if asked is None or not await _is_known(scope, asked):
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Access-Control-Allow-Origin"] = asked
                headers["Access-Control-Expose-Headers"] = READ
                headers.add_vary_header("Origin")
            await send(message)

        if scope["method"] == "OPTIONS":
            await _preflight(marked)
            return
        await self._app(scope, receive, marked)


async def _preflight(send: Send) -> None:
    headers = {
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": SENT,
        "Access-Control-Max-Age": PREFLIGHT_SECONDS,
    }
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 204, "headers": raw})
    await send({"type": "http.response.body", "body": b""})


def _origin(scope: Scope) -> str | None:
    if scope["type"] != "http" or not _is_open(scope["path"]):
        return None
    headers = Headers(scope=scope)
    asked = headers.get("origin", "")
    if scope["method"] == "OPTIONS" and "access-control-request-method" not in headers:
        return None
    return asked if asked and asked != "null" else None


def _is_open(path: str) -> bool:
    return path in OPEN or any(path.startswith(start) for start in OPEN if start.endswith("/"))


async def _is_known(scope: Scope, asked: str) -> bool:
    services = getattr(scope["app"].state, "services", None)
    return services is not None and await services.app_origins.holds(services.database, asked)


def _origins(session: Session) -> frozenset[str]:
    rows = session.exec(select(OAuthClient.redirect_uris).where(col(OAuthClient.active)))
    return frozenset(origin(address) for addresses in rows for address in addresses)
