"""search on a type: GET /fhir/{type}?... and POST /fhir/{type}/_search. https://hl7.org/fhir/R4/http.html#search"""

from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from fhir import audit, cursor, preferences, searchset, trips
from fhir.audit import Access
from fhir.interactions import negotiation
from fhir.interactions.record import Record, body_of, bundle, type_of
from fhir.policy import Action
from fhir.search.asking import PageEnd
from fhir.search.controls import MAX_COUNT
from fhir.search.pages import Page
from fhir.search.parsing import Handling, pairs_of, parse
from fhir.search.plans import is_short
from fhir.search.query import Query
from infra.caller import Caller
from infra.problems import BadRequest

FORM: Final = "application/x-www-form-urlencoded"


class SeveralTypes(BadRequest):
    """A search over several types is not offered. Search each type by itself, as /fhir/Patient?..."""

    issue = "not-supported"


async def system_search(request: Request, record: Record, caller: Caller) -> Response:
    """400: a search names its type."""
    raise SeveralTypes


async def search(request: Request, record: Record, caller: Caller) -> Response:
    """200 with a searchset Bundle; its self link repeats the address, with the `_count` that was applied."""
    type = type_of(request, Action.SEARCH)
    text = _text(request.scope["query_string"], of="address")
    query = parse(type, pairs_of(text), handling=_handling(request))
    # With something left out the link says what was understood, and no more.
    text = urlencode(query.pairs, quote_via=quote) if query.left_out else text
    text = searchset.applied(text, MAX_COUNT)
    own = f"{record.base_url}/{type}" + (f"?{text}" if text else "")
    return _told(request, await _answer(record, caller, query, own=own))


async def search_by_post(request: Request, record: Record, caller: Caller) -> Response:
    """200 with a searchset Bundle; its links are sealed, so that what was in the body comes into no address."""
    type = type_of(request, Action.SEARCH)
    text = _text(await body_of(request, limit=record.body_limit, types=(FORM,)), of="form")
    pairs = pairs_of(_text(request.scope["query_string"], of="address")) + pairs_of(text)
    query = parse(type, pairs, handling=_handling(request))
    own = searchset.address(record.store.vault, caller, query, base_url=record.base_url, after=None)
    return _told(request, await _answer(record, caller, query, own=own))


async def _answer(record: Record, caller: Caller, query: Query, *, own: str) -> Response:
    vault, base_url = record.store.vault, record.base_url
    query, after = cursor.resumed(vault, caller, query)
    page = await _found(record, caller, query, after=after)
    links = searchset.onward(vault, caller, query, base_url=base_url, page=page, after=after)
    return bundle(searchset.searchset(page, query, base_url=base_url, links=[("self", own), *links]))


async def _found(record: Record, caller: Caller, query: Query, *, after: PageEnd | None) -> Page:
    store, access = record.store, Access(Action.SEARCH, query.type)
    if is_short(query):
        at_once = None if after else lambda: trips.search(store, caller, query)
        return await record.run_short(
            caller, access, lambda session: store.search(session, caller, query, after=after), at_once
        )
    # What walks through many rows must not hold up the one writer. Nothing leaves before it is in the log.
    page = await record.look(caller, access, lambda session: store.found(session, caller, query, after=after))
    shown = audit.seen(page.resources)
    await record.run(caller, access, lambda session: store.log_search(session, caller, query, shown=shown))
    return page


def _text(raw: bytes, *, of: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadRequest(f"The {of} is not UTF-8.") from None


def _told(request: Request, response: Response) -> Response:
    """The answer, which says that it was lenient if it was."""
    if _handling(request) is Handling.LENIENT:
        response.headers[preferences.HEADER] = "handling=lenient"
    return response


def _handling(request: Request) -> Handling:
    preferred = preferences.read(negotiation.listed(request, "prefer")).handling
    return Handling.LENIENT if preferred is preferences.Handling.LENIENT else Handling.STRICT
