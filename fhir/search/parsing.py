"""A search as it was asked, read into a typed `Query`: nothing unknown is ever ignored.

https://hl7.org/fhir/R4/search.html
"""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Final
from urllib.parse import unquote_plus

from fhir.models import require_served
from fhir.search.controls import CONTROLS, Controls
from fhir.search.criteria import Criteria
from fhir.search.definitions import PARAMETERS
from fhir.search.lookup import lookup
from fhir.search.query import Query
from fhir.search.reading import BarePlus
from fhir.search.refusals import BadValue, TooManyParameters, Unsupported

MAX_PARAMETERS: Final = 30
MOST_TEXT: Final = 131_072  # characters of all parameters together
MOST_SEPARATORS: Final = 1000  # empty parts (`a=1&&b=2`) are no parameters
_BARE_PLUS: Final = re.compile(r"(?:^|[,|$]|%2C|%7C|%24)\+", re.IGNORECASE)


class Handling(Enum):
    """What becomes of a parameter that is not supported (`Prefer: handling=`): a 400, or it is left out."""

    STRICT = "strict"
    LENIENT = "lenient"


def pairs_of(text: str) -> tuple[tuple[str, str], ...]:
    """The (name, value) pairs of a query string or form; counted before they are split, as millions take seconds."""
    if text.count("&") > MOST_SEPARATORS:
        raise TooManyParameters
    if len(text) > MOST_TEXT:
        raise BadValue(f"The search is longer than {MOST_TEXT} characters. Ask for less at once.")
    try:
        return tuple(_pair(part) for part in text.split("&") if part)
    except UnicodeDecodeError:
        raise BadValue("The search is not UTF-8. Percent-encode its letters as UTF-8.") from None


def _pair(text: str) -> tuple[str, str]:
    name, _, raw = text.partition("=")
    value = unquote_plus(raw, errors="strict")
    return unquote_plus(name, errors="strict"), BarePlus(value) if _BARE_PLUS.search(raw) else value


def parse(type: str, pairs: Iterable[tuple[str, str]], *, handling: Handling = Handling.STRICT) -> Query:
    """The typed query of the (name, value) pairs of a query string; 400 naming what is unknown or can't be read.

    With lenient handling `left_out` names what is not supported, and `pairs` holds the rest. What is supported and can't
    be read is a 400 all the same.
    """
    require_served(type)
    given = list(pairs)
    if len(given) > MAX_PARAMETERS:
        raise TooManyParameters
    criteria, controls = Criteria(type), Controls(type)
    understood: list[tuple[str, str]] = []
    left_out: list[str] = []
    for name, text in given:
        try:
            if name.partition(":")[0] in CONTROLS:
                controls.take(name, text)
            else:
                criteria.add(name, text)
        except Unsupported as refused:
            if handling is Handling.STRICT:
                raise
            left_out.append(refused.text)
        else:
            understood.append((name, text))
    controls.require_sense()
    conditions = tuple(criteria.conditions)
    asked = lookup(type, conditions, table=PARAMETERS[type])
    return Query(
        type,
        conditions,
        asked.sets,
        asked.decided,
        criteria.ids,
        tuple(criteria.updated),
        tuple(criteria.chains),
        tuple(criteria.has),
        sort=controls.sort,
        count=controls.count,
        total=controls.total,
        summary=controls.summary,
        cursor=controls.cursor,
        pairs=tuple(pair for pair in understood if pair[0].partition(":")[0] != "_cursor"),
        includes=controls.includes,
        revincludes=controls.revincludes,
        elements=controls.elements,
        pretty=controls.pretty,
        left_out=tuple(left_out),
    )
