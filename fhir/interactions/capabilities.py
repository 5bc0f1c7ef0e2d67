"""capabilities: GET /fhir/metadata, open to everyone. https://hl7.org/fhir/R4/http.html#capabilities"""

import json
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from fhir import capability
from fhir.interactions import negotiation
from fhir.interactions.record import Endpoint, RecordOf
from fhir.outcome import MEDIA_TYPE

FULL: Final = "full"  # the other modes tell parts, or of terminology, which is not served
PACKAGE: Final = "telemed-platform"
_STARTED: Final = datetime.now(UTC).date().isoformat()


def capabilities(record_of: RecordOf, operations: capability.Operations) -> Endpoint:
    """The endpoint that says what this server can do."""

    async def endpoint(request: Request) -> Response:
        negotiation.require_json(request)
        if negotiation.given(request, "mode").get("mode", FULL) != FULL:
            raise negotiation.BadParameter(f"The value of mode must be {FULL}.")
        record = record_of(request)
        statement = capability.statement(
            base_url=record.base_url,
            date=_STARTED,
            version=_version(),
            operations=operations,
            choices=record.choices,
        )
        body = json.dumps(statement, separators=(",", ":")).encode()
        return negotiation.laid_out(request, Response(body, media_type=MEDIA_TYPE))

    return endpoint


def _version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "checkout"
