"""The headers by which a client says under which condition a write may happen.

https://hl7.org/fhir/R4/http.html#concurrency
"""

import re
from typing import Final

from fhir.search.parsing import pairs_of, parse
from fhir.search.query import Query
from infra.problems import BadRequest

_ETAG: Final = re.compile(r'(?:W/)?"(\d{1,9})"')


class BadVersion(BadRequest):
    """If-Match must name one version, like W/"3"."""

    issue = "value"


class NoCriteria(BadRequest):
    """If-None-Exist needs at least one search parameter that selects."""

    issue = "value"


def version(if_match: str | None) -> int | None:
    """The version that If-Match names; None if there is no such header."""
    if if_match is None:
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise BadVersion
    return int(match[1])


def criteria(type: str, if_none_exist: str | None) -> Query | None:
    """The query of If-None-Exist; None if there is no such header."""
    if if_none_exist is None:
        return None
    text = if_none_exist.strip().rpartition("?")[2]
    query = parse(type, pairs_of(text))
    if not query.conditions and query.ids is None:
        raise NoCriteria
    return query
