"""The Bundle of a search: hits, what was asked for beside them, and what there is to say about the answer.

https://hl7.org/fhir/R4/search.html#return
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from fhir import cursor, outcome
from fhir.bundles import Entry, Parts, bundle
from fhir.search.asking import PageEnd
from fhir.search.pages import Page
from fhir.search.query import Query, Summary
from fhir.subset import subset
from infra.caller import Caller
from infra.problems import Issue, Problem
from infra.vault import Vault

Link = tuple[str, str]
_COUNT: Final = re.compile(r"(?<![^&])_count=0*(\d{1,9})(?!\d)")
# One dict for all entries of a mode, so that it is written out once (see `fhir.bundles`).
SEARCHED: Final = {mode: Parts({"search": {"mode": mode}}) for mode in ("match", "include", "outcome")}


class Incomplete(Problem):
    """Something that was asked for is not in the answer."""

    status, issue = 200, "informational"


def searchset(page: Page, query: Query, *, base_url: str, links: Sequence[Link] = ()) -> bytes:
    """The Bundle of a page of a search."""
    return bundle("searchset", _entries(page, query, base_url), total=page.total, links=links)


def onward(
    vault: Vault, caller: Caller, query: Query, *, base_url: str, page: Page, after: PageEnd | None
) -> list[Link]:
    """The links to the other pages of a search: the first from a later one, and the next if there is one."""
    links: list[Link] = []
    if after is not None:
        links.append(("first", address(vault, caller, query, base_url=base_url, after=None)))
    if page.next is not None:
        links.append(("next", address(vault, caller, query, base_url=base_url, after=page.next)))
    return links


def address(vault: Vault, caller: Caller, query: Query, *, base_url: str, after: PageEnd | None) -> str:
    """The address of a page of a search, which shows nothing of what is searched for."""
    sealed = cursor.sealed(vault, caller, query.type, pairs=query.pairs, after=after)
    return f"{base_url}/{query.type}?{cursor.NAME}={sealed}"


def applied(text: str, most: int) -> str:
    """The query of a self link, with the number that was applied in the place of a larger `_count`."""
    return _COUNT.sub(lambda given: f"_count={min(int(given[1]), most)}", text)


def _entries(page: Page, query: Query, base_url: str) -> Iterator[Entry]:
    is_whole = query.summary is Summary.RESOURCES and not query.elements
    for parts, found in ((SEARCHED["match"], page.entries), (SEARCHED["include"], page.included)):
        for stored in found:
            body = stored.body if is_whole else subset(stored.body, summary=query.summary, elements=query.elements)
            yield Entry(body, f"{base_url}/{stored.type}/{stored.id}", parts)
    # R4, 3.1.1.5.1: what the server left out, or could not send, stands in the answer itself.
    if query.left_out or page.notes:
        told = [Issue("not-supported", text, severity="warning") for text in query.left_out]
        told += [Issue("incomplete", text, severity="warning") for text in page.notes]
        yield Entry(outcome.body(Incomplete(issues=told)), parts=SEARCHED["outcome"])
