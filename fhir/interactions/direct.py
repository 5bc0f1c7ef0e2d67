"""The two addresses that are asked most, found without trying the routes one after the other.

`/fhir/{type}` and `/fhir/{type}/{id}` answer nearly every request; trying the routers before them costs 150 us, this 3.
The endpoints are those of the routes themselves. What is not certainly one of the two goes the usual way.
"""

import re
from collections.abc import Iterable

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Scope

from fhir import outcome
from infra.envelope import Direct
from infra.web import answering


def direct(routes: Iterable[BaseRoute], *, prefix: str = "/fhir") -> Direct:
    """The finder of the endpoints among these routes that stand at the two addresses."""
    # Neither `$name` nor `_history` nor `metadata` has this form, so no other address is taken for one of the two.
    address = re.compile(re.escape(prefix) + r"/([A-Z][A-Za-z]{1,63})(?:/([A-Za-z0-9\-.]{1,64}))?")
    of_type = _apps(routes, f"{prefix}/{{type}}")
    of_one = _apps(routes, f"{prefix}/{{type}}/{{id}}")

    def find(scope: Scope) -> ASGIApp | None:
        match = address.fullmatch(scope["path"])
        if match is None:
            return None
        type, id = match.groups()
        scope["path_params"] = {"type": type} if id is None else {"type": type, "id": id}
        return (of_type if id is None else of_one).get(scope["method"])

    return find


def _apps(routes: Iterable[BaseRoute], path: str) -> dict[str, ASGIApp]:
    """The application for each method at this path."""
    found = (route for route in routes if isinstance(route, Route) and route.path == path)
    return {
        method: answering(route.endpoint, outcome.response) for route in found for method in sorted(route.methods or ())
    }
