"""The Bundle of a search: hits, what was asked for beside them, and what there is to say about the answer.

https://hl7.org/fhir/R4/search.html#return
"""

from collections.abc import Iterator, Sequence

from fhir import outcome
from fhir.bundles import Entry, bundle
from fhir.rows import Stored
from fhir.search.pages import Page
from fhir.search.query import Query
from fhir.subset import subset
from infra.problems import Issue, Problem


class Incomplete(Problem):
    """Something that was asked for is not in the answer."""

    status, issue = 200, "informational"


def searchset(page: Page, query: Query, *, base_url: str, links: Sequence[tuple[str, str]] = ()) -> bytes:
    """The Bundle of a page of a search."""
    return bundle("searchset", _entries(page, query, base_url), total=page.total, links=links)


def _entries(page: Page, query: Query, base_url: str) -> Iterator[Entry]:
    for mode, found in (("match", page.entries), ("include", page.included)):
        for stored in found:
            yield _entry(stored, query, base_url=base_url, mode=mode)
    # R4, 3.1.1.5.1: what the server left out, or could not send, stands in the answer itself.
    if query.left_out or page.notes:
        told = [Issue("not-supported", text, severity="warning") for text in query.left_out]
        told += [Issue("incomplete", text, severity="warning") for text in page.notes]
        yield Entry(outcome.body(Incomplete(issues=told)), parts={"search": {"mode": "outcome"}})


def _entry(stored: Stored, query: Query, *, base_url: str, mode: str) -> Entry:
    body = subset(stored.body, summary=query.summary, elements=query.elements)
    return Entry(body, f"{base_url}/{stored.reference}", {"search": {"mode": mode}})
