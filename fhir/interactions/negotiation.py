"""The form of an answer: JSON or nothing, laid out or not, whole or in part.

https://hl7.org/fhir/R4/http.html#mime-type, https://hl7.org/fhir/R4/http.html#parameters
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from fhir.outcome import MEDIA_TYPE
from fhir.preferences import Handling, read
from fhir.pretty import pretty
from fhir.search.elements import members
from fhir.search.query import Summary
from fhir.subset import subset
from infra.problems import BadRequest, Problem

FORMATS: Final = ("json", "application/json", "application/fhir+json")
# What every interaction takes; a read takes the parts as well.
GENERAL: Final = ("_format", "_pretty")
PARTS: Final = ("_summary", "_elements")

LONGEST_KEPT: Final = 1000  # characters of an Accept header that is remembered: it can be as long as a client likes

_RANGES: Final = frozenset(["*/*", "application/*", *FORMATS[1:]])
_NAME: Final = re.compile(r"[A-Za-z0-9_:.\-]{1,64}")
_VERSION: Final = "4.0"
_Chosen = TypeVar("_Chosen", bound=Enum)


class NotAcceptable(Problem):
    """The answer can be had as application/fhir+json, application/json or json, not in another format."""

    status, issue = 406, "not-supported"


class ParameterRefused(BadRequest):
    """A parameter of the address is not known for this interaction."""

    issue = "not-supported"


class BadParameter(BadRequest):
    """The value of a parameter of the address can't be read."""

    issue = "value"


@dataclass(frozen=True, slots=True)
class Part:
    """How much of a resource was asked for."""

    summary: Summary = Summary.RESOURCES
    elements: tuple[str, ...] = ()

    def of(self, body: bytes) -> bytes:
        """The resource or the part of it."""
        return subset(body, summary=self.summary, elements=self.elements)


WHOLE: Final = Part()


def require_json(request: Request) -> None:
    """Nothing if the client takes JSON; `_format` counts before Accept."""
    # `request.url` takes the whole address apart, 20 us each time; most requests have nothing of this.
    if b"_format" in request.scope["query_string"]:
        asked = request.query_params.get("_format", "").replace(" ", "+")  # an unescaped + in an address is a space
        if asked and not _is_json(asked):
            raise NotAcceptable
        if asked:
            return
    accept = listed(request, "accept")
    if accept and not (_takes_json if len(accept) > LONGEST_KEPT else _remembered)(accept):
        raise NotAcceptable


def laid_out(request: Request, response: Response) -> Response:
    """The answer, with line breaks if the client asks for them."""
    if b"_pretty" not in request.scope["query_string"] or not response.body or response.media_type != MEDIA_TYPE:
        return response
    asked = request.query_params.get("_pretty", "false")
    if asked not in ("true", "false"):
        raise BadParameter("The value of _pretty must be true or false.")
    if asked == "true":
        response.body = pretty(bytes(response.body))
        response.headers["content-length"] = str(len(response.body))
    return response


def listed(request: Request, name: str) -> str | None:
    """The value of a header that is a list; it may stand in several lines (RFC 9110, 5.3)."""
    return ", ".join(request.headers.getlist(name)) or None


def query_of(request: Request) -> str:
    """What stands behind the question mark of the address; 400 if it is no text."""
    try:
        query: str = request.scope["query_string"].decode()
    except UnicodeDecodeError:
        raise BadParameter("The address is not UTF-8.") from None
    return query


def given(request: Request, *names: str) -> dict[str, str]:
    """The parameters of the address, of these names and the general ones; 400 naming another, unless told lenient."""
    if not request.scope["query_string"]:
        return {}
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in GENERAL and name not in names:
            _refuse(request, name, known=(*GENERAL, *names))
        elif name in found and name != "_elements":
            raise BadParameter(f"{name} stands twice. Send it once.")
        else:
            found[name] = f"{found[name]},{value}" if name in found else value
    return found


def part_of(asked: Mapping[str, str], *types: str) -> Part:
    """How much of a resource of these types the parameters ask for; 400 for what is no such thing."""
    if not asked:
        return WHOLE
    summary = asked.get("_summary", Summary.RESOURCES.value)
    allowed = [one.value for one in Summary if one is not Summary.COUNT]
    if summary not in allowed:
        raise BadParameter(f"The value of _summary must be one of: {', '.join(allowed)}.")
    return Part(Summary(summary), members(asked["_elements"], *types) if "_elements" in asked else ())


def _refuse(request: Request, name: str, *, known: Collection[str]) -> None:
    if read(listed(request, "prefer")).handling is Handling.STRICT:
        shown = f"The parameter {name}" if _NAME.fullmatch(name) else "A parameter"
        raise ParameterRefused(f"{shown} is not known here. Known: {', '.join(known)}.")


def _takes_json(accept: str) -> bool:
    return any(_is_json(part) for part in accept.split(","))


# Clients send the same few, again and again.
_remembered = lru_cache(maxsize=256)(_takes_json)


def _is_json(text: str) -> bool:
    media_type, *parameters = (part.strip().lower() for part in text.split(";"))
    given = dict(part.partition("=")[::2] for part in parameters)
    refused = re.fullmatch(r"0(?:\.0*)?", given.get("q", "1")) is not None
    version = given.get("fhirversion", _VERSION)
    return (media_type in _RANGES or media_type == "json") and not refused and version.startswith(_VERSION)
