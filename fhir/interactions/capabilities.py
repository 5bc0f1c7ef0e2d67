"""capabilities: GET /fhir/metadata, open to everyone. https://hl7.org/fhir/R4/http.html#capabilities"""

import json
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from fhir import capability
from fhir.interactions.record import Endpoint, RecordOf
from fhir.outcome import MEDIA_TYPE

PACKAGE: Final = "telemed-platform"
_STARTED: Final = datetime.now(UTC).date().isoformat()


def capabilities(record_of: RecordOf, operations: capability.Operations) -> Endpoint:
    """The endpoint that says what this server can do."""

    async def endpoint(request: Request) -> Response:
        base = record_of(request).base_url
        statement = capability.statement(base_url=base, date=_STARTED, version=_version(), operations=operations)
        return Response(json.dumps(statement, separators=(",", ":")).encode(), media_type=MEDIA_TYPE)

    return endpoint


def _version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "checkout"
