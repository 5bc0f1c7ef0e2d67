"""history of one resource: GET /fhir/{type}/{id}/_history. https://hl7.org/fhir/R4/http.html#history"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from fhir import bundles
from fhir.audit import Access
from fhir.interactions.record import Record, bundle, id_of, type_of
from fhir.policy import Action
from infra.caller import Caller
from infra.problems import BadRequest

PAGE: Final = 50
MAX_PAGE: Final = 500
PARAMETERS: Final = ("_count", "_before")


class UnknownHistoryParameter(BadRequest):
    """A history takes _count, and _before in the links that the server makes."""

    issue = "not-supported"


class BadNumber(BadRequest):
    """The value of a history parameter must be a whole number."""

    issue = "value"


async def history(request: Request, record: Record, caller: Caller) -> Response:
    """200 with a Bundle of the versions, newest first."""
    type, id = type_of(request, Action.HISTORY), id_of(request)
    if not set(request.query_params) <= set(PARAMETERS):
        raise UnknownHistoryParameter
    count = min(_number(request.query_params.get("_count", str(PAGE))), MAX_PAGE) or MAX_PAGE
    before = request.query_params.get("_before")
    below = None if before is None else _number(before)
    versions = await record.run(
        caller,
        Access(Action.HISTORY, type, id),
        lambda session: record.store.history(session, caller, type, id, count=count, below=below),
    )
    address = f"{record.base_url}/{type}/{id}/_history?_count={count}"
    links = [("self", address if below is None else f"{address}&_before={below}")]
    if versions.next is not None:
        links.append(("next", f"{address}&_before={versions.next}"))
    entries = [bundles.version(stored, record.base_url) for stored in versions.entries]
    return bundle(bundles.bundle("history", entries, total=versions.total, links=links))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadNumber
    return int(text)
