"""Every route stands in a package's manual, and every route named there exists."""

import ast
from collections.abc import Iterable

from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from infra.settings import Environment, Settings
from telemed.app import create_app
from tests.architecture.tree import ROOT
from tests.docs.manuals import Route, manual, routes_named, section, spans
from video.ice import Ice
from video.precheck import Precheck
from video.rooms import Rooms
from video.routes import router as video_router
from video.tickets import Tickets

MANUALS = ("telemed", "fhir", "video", "anonymise")
PORTAL = ROOT / "anonymise/portal/app.py"


def served(routes: Iterable[BaseRoute]) -> set[Route]:
    """The routes of an app; HEAD goes with GET."""
    found = set()
    for route in iter_route_contexts(list(routes)):
        methods = getattr(route, "methods", None) or {"WebSocket"}
        found |= {Route.of(method, route.path or "/") for method in methods if method != "HEAD"}
    return found


def product() -> set[Route]:
    """The routes of the whole service, also those that are added when it starts."""
    app = create_app(Settings(environment=Environment.DEMO))
    ice = Ice()
    video: APIRouter = video_router(Rooms(), Tickets(bytes(32)), ice=ice, precheck=Precheck(ice), origins=[])
    app.include_router(video)
    return served(app.routes)


def portal_addresses(source: str) -> set[str]:
    """The addresses that the portal's `match` over the parts of a path answers."""
    cases = [node.pattern for node in ast.walk(ast.parse(source)) if isinstance(node, ast.match_case)]
    return {address.rstrip("/") or "/" for pattern in cases for address in _addresses(pattern)}


def _addresses(pattern: ast.pattern) -> list[str]:
    match pattern:
        case ast.MatchOr(patterns=several):
            return [address for each in several for address in _addresses(each)]
        case ast.MatchSequence(patterns=parts):
            found = [""]
            for part in parts:
                found = [f"{before}/{word}" for before in found for word in _words(part)]
            return found
        case _:
            return []


def _words(part: ast.pattern) -> list[str]:
    match part:
        case ast.MatchValue(value=ast.Constant(value=str(word))):
            return [word]
        case ast.MatchOr(patterns=several):
            return [word for each in several for word in _words(each)]
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _words(inner)
        case ast.MatchAs(name=str(name)):
            return [f"{{{name}}}"]
        case _:
            return []


def addresses_named(text: str) -> set[str]:
    """The portal's addresses in its manual."""
    table = (line for line in section(text, "Portal").splitlines() if line.startswith("| `/"))
    return {span.rstrip("/") or "/" for line in table for span in spans(line.split("|")[1])}


def test_every_route_is_documented() -> None:
    named = {route for package in MANUALS for route in routes_named(manual(package))}

    assert sorted(map(str, product() - named)) == []


def test_every_documented_route_exists() -> None:
    named = {route for package in MANUALS for route in routes_named(manual(package))}

    assert sorted(map(str, named - product())) == []


def test_every_address_of_the_portal_is_documented_and_nothing_else() -> None:
    assert portal_addresses(PORTAL.read_text()) ^ addresses_named(manual("anonymise")) == set()


def test_an_undocumented_route_is_named() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_api_route("/seeded/{name}", lambda: None, methods=["PUT"])

    assert served(app.routes) - routes_named("`GET /seeded/{name}`") == {Route("PUT", "/seeded/{}")}


def test_a_documented_route_that_is_gone_is_named() -> None:
    assert routes_named(manual("telemed") + "| `DELETE /gone/{id}` |") - product() == {Route("DELETE", "/gone/{}")}


def test_an_undocumented_address_of_the_portal_is_named() -> None:
    source = PORTAL.read_text().replace('["livez"]', '["livez"] | ["seeded", name]')

    assert portal_addresses(source) - addresses_named(manual("anonymise")) == {"/seeded/{name}"}
