"""capabilities: GET /fhir/metadata, open to everyone. https://hl7.org/fhir/R4/http.html#capabilities"""

import gzip
import hashlib
import json
import re
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from fhir import capability
from fhir.choices import Choices
from fhir.interactions import negotiation
from fhir.interactions.record import Endpoint, RecordOf
from fhir.outcome import MEDIA_TYPE

FULL: Final = "full"  # the other modes tell parts, or of terminology, which is not served
PACKAGE: Final = "telemed-platform"
_NEVER: Final = re.compile(r"q\s*=\s*0(\.0*)?")
_STARTED: Final = datetime.now(UTC).date().isoformat()


class _Made(NamedTuple):
    """The statement as it leaves: its bytes, the same compressed, and their tag (weak, as both have it)."""

    plain: bytes
    zipped: bytes
    tag: str


def capabilities(record_of: RecordOf, operations: capability.Operations) -> Endpoint:
    """The endpoint that says what this server can do."""

    @cache  # settings and code stay the same as long as the process runs
    def made(base_url: str, choices: Choices) -> _Made:
        statement = capability.statement(
            base_url=base_url, date=_STARTED, version=_version(), operations=operations, choices=choices
        )
        body = json.dumps(statement, separators=(",", ":")).encode()
        return _Made(body, gzip.compress(body, mtime=0), f'W/"{hashlib.sha256(body).hexdigest()[:16]}"')

    async def endpoint(request: Request) -> Response:
        negotiation.require_json(request)
        if negotiation.given(request, "mode").get("mode", FULL) != FULL:
            raise negotiation.BadParameter(f"The value of mode must be {FULL}.")
        record = record_of(request)
        held = made(record.base_url, record.choices)
        headers = {"ETag": held.tag, "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
        answer = negotiation.laid_out(request, Response(held.plain, headers=headers, media_type=MEDIA_TYPE))
        if _has(negotiation.listed(request, "if-none-match"), held.tag):
            return Response(status_code=304, headers=headers)
        if answer.body == held.plain and _takes_gzip(negotiation.listed(request, "accept-encoding")):
            return Response(held.zipped, headers=headers | {"Content-Encoding": "gzip"}, media_type=MEDIA_TYPE)
        return answer

    return endpoint


def _has(asked: str | None, tag: str) -> bool:
    """Whether If-None-Match names the tag; both are compared weakly (RFC 9110, 13.1.2)."""
    tags = [part.strip().removeprefix("W/") for part in (asked or "").split(",")]
    return "*" in tags or tag.removeprefix("W/") in tags


def _takes_gzip(asked: str | None) -> bool:
    """Whether Accept-Encoding names gzip, and not to forbid it (RFC 9110, 12.5.3)."""
    codings = (part.partition(";") for part in (asked or "").lower().split(","))
    return any(name.strip() == "gzip" and not _NEVER.fullmatch(weight.strip()) for name, _, weight in codings)


def _version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "checkout"
