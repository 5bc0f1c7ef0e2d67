"""search on a type: GET /fhir/{type}?... and POST /fhir/{type}/_search. https://hl7.org/fhir/R4/http.html#search"""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from fhir import bundles
from fhir.audit import Access
from fhir.interactions import cursor
from fhir.interactions.cursor import Pairs
from fhir.interactions.record import Record, bundle, type_of
from fhir.policy import Action
from fhir.rows import Position
from fhir.search import parsing
from fhir.search.pages import Page
from fhir.search.parsing import pairs_of
from fhir.search.query import Query
from infra.caller import Caller
from infra.problems import BadRequest, UnsupportedMediaType

CURSOR: Final = "_cursor"
FORM: Final = "application/x-www-form-urlencoded"


class CursorStandsAlone(BadRequest):
    """A link with _cursor takes no other parameters."""

    issue = "value"


async def search(request: Request, record: Record, caller: Caller) -> Response:
    """200 with a searchset Bundle; its links repeat what the client put into the address itself."""
    type = type_of(request, Action.SEARCH)
    text = request.url.query
    own_link = f"{record.base_url}/{type}?{text}" if text else f"{record.base_url}/{type}"
    return await _answer(record, caller, type, pairs=pairs_of(text), own_link=own_link)


async def search_by_post(request: Request, record: Record, caller: Caller) -> Response:
    """200 with a searchset Bundle; its links are sealed, so that what was in the body comes into no address."""
    type = type_of(request, Action.SEARCH)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise UnsupportedMediaType(f"Send the search as {FORM}.")
    try:
        text = (await request.body()).decode()
    except UnicodeDecodeError:
        raise BadRequest("The form is not UTF-8.") from None
    pairs = pairs_of(request.url.query) + pairs_of(text)
    own_link = _link(record, caller, type, pairs=pairs, after=None)
    return await _answer(record, caller, type, pairs=pairs, own_link=own_link)


async def _answer(record: Record, caller: Caller, type: str, *, pairs: Pairs, own_link: str) -> Response:
    after = None
    if any(name == CURSOR for name, _ in pairs):
        if len(pairs) > 1:
            raise CursorStandsAlone
        pairs, after = cursor.opened(record.store.vault, caller, type, cursor=pairs[0][1])
    query = parsing.parse(type, pairs)
    page = await _found(record, caller, query, after=after)
    links = [("self", own_link)]
    if page.next is not None:
        links.append(("next", _link(record, caller, type, pairs=pairs, after=page.next)))
    return bundle(searchset(page, base_url=record.base_url, links=links))


async def _found(record: Record, caller: Caller, query: Query, *, after: Position | None) -> Page:
    store, access = record.store, Access(Action.SEARCH, query.type)
    is_narrow = bool(query.tokens or query.ids) and query.type != "AuditEvent"
    if query.decided and is_narrow:
        return await record.run(caller, access, lambda session: store.search(session, caller, query, after=after))
    # What walks through many rows must not hold up the one writer. Nothing leaves before it is in the log.
    page = await record.look(caller, access, lambda session: store.found(session, caller, query, after=after))
    await record.run(caller, access, lambda session: store.log_search(session, caller, query))
    return page


def searchset(page: Page, *, base_url: str, links: list[tuple[str, str]]) -> bytes:
    """The Bundle of a page."""
    return bundles.bundle(
        "searchset", [bundles.match(stored, base_url) for stored in page.entries], total=page.total, links=links
    )


def _link(record: Record, caller: Caller, type: str, *, pairs: Pairs, after: Position | None) -> str:
    made = cursor.sealed(record.store.vault, caller, type, pairs=pairs, after=after)
    return f"{record.base_url}/{type}?{CURSOR}={made}"
