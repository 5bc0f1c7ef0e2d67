"""Addresses that no route has, but that are easily taken for one: what to ask for instead.

A search in a compartment (`Patient/[id]/Observation`, https://hl7.org/fhir/R4/compartmentdefinition.html) is not offered;
the search for the type finds the same.
"""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from fhir import outcome
from fhir.models import KNOWN, spelled
from fhir.search.definitions import PARAMETERS
from infra.problems import NotFound, Problem

# No route has this form, so what is absent or foreign never stands there.
_BELOW: Final = re.compile(r".*/([A-Za-z]{1,64})/[^/]+/([A-Za-z]{1,64})")


def response(request: Request, problem: Problem) -> Response:
    """The answer to a request that failed; one that went astray is told the way, without what it held."""
    way = told(request.scope["path"]) if type(problem) is NotFound else ""
    return outcome.response(NotFound(way) if way else problem)


def told(path: str) -> str:
    """What to ask for instead of resources below another one; empty for any other address."""
    match = _BELOW.fullmatch(path)
    above, below = match.groups() if match else ("", "")
    type, name = spelled(below), above.lower()
    if type is None or above not in KNOWN or name not in PARAMETERS[type].parameters:
        return ""
    return f"There is nothing below a single resource. Search by {type}?{name}={{id}} instead."
