"""References that this server would have to resolve and can't: a Bundle's own links, and criteria outside a transaction.

A urn names an entry of the Bundle it comes in, or nothing; `Patient?identifier=...` is looked up by transactions alone.
Stored as they are, both would lead nowhere for ever. A single resource may hold a urn: R4 allows any absolute URI there,
and who sends it alone may mean a resource elsewhere. https://hl7.org/fhir/R4/bundle.html#references,
https://hl7.org/fhir/R4/http.html#trules
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from fhir import codec
from fhir.codec import Parsed
from fhir.here import relative
from fhir.rules.faults import MOST
from infra.problems import Issue, Unprocessable

_URN: Final = re.compile(r"urn:.*", re.DOTALL)
_CRITERIA: Final = re.compile(r"[A-Z][A-Za-z]+\?.*", re.DOTALL)


class NoSuchEntry(Unprocessable):
    """No entry of this transaction has this fullUrl. Correct the reference, or send the resource along."""

    issue = "not-found"


class NotInABatch(Unprocessable):
    """Entries of a batch can't refer to each other by a urn. Send a transaction, or refer to what is stored."""

    issue = "not-found"


class OnlyInTransactions(Unprocessable):
    """Criteria in a reference are looked up in a transaction only. Send one, or refer to the resource by its id."""

    issue = "not-supported"


def refuse_urns(parsed: Parsed, refused: type[Unprocessable], *, before: bytes = b"") -> None:
    """Nothing; this problem, naming the first places, for references to entries that are left in a resource of a Bundle.

    Those that the stored resource had before it was patched are not the Bundle's.
    """
    _refuse(parsed, _URN, mark=b"urn:", refused=refused, before=before)


def refuse_criteria(parsed: Parsed) -> None:
    """Nothing; 422, naming the first places, for conditional references."""
    _refuse(parsed, _CRITERIA, mark=b"?", refused=OnlyInTransactions)


def references(node: Any, place: str) -> Iterator[tuple[str, str]]:
    """The literal references in a resource or a part of it, and where each stands."""
    if isinstance(node, dict):
        for name, inner in node.items():
            if name == "reference" and isinstance(inner, str):
                yield inner, f"{place}.reference"
            else:
                yield from references(inner, f"{place}.{name}")
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from references(inner, f"{place}[{index}]")


def _refuse(
    parsed: Parsed,
    form: re.Pattern[str],
    *,
    mark: bytes,
    refused: type[Unprocessable],
    before: bytes = b"",
) -> None:
    # Most resources have neither the mark nor an escape that could hide it; a kept Bundle has links of its own.
    if parsed.type == "Bundle" or (mark not in parsed.raw and b"\\u" not in parsed.raw):
        return
    but = {link for link, _ in references(codec.reload(before), "")} if before else ()
    held = references(parsed.data, parsed.type)
    found = (place for link, place in held if form.fullmatch(relative(link)) and link not in but)
    if places := list(islice(found, MOST)):
        text = refused().text
        raise refused(text, issues=[Issue(refused.issue, text, (place,)) for place in places])
