"""The exact check after decryption: does this resource meet every condition of the query?"""

import math
from typing import Any, Final

from fhir.search import conditions as asked
from fhir.search import quantities
from fhir.search.conditions import Condition, Moment, Prefix
from fhir.search.dates import Interval, around
from fhir.search.extraction import extract
from fhir.search.query import Query
from fhir.search.strings import folded, unaccented, whole
from fhir.search.values import Amount, Code, Composite, Link, Point, Value

EARTH: Final = 6_371_000  # metres; a sphere is exact enough for what is near


def matches(type: str, data: dict[str, Any], query: Query) -> bool:
    """Whether the resource meets all conditions on its content; `_id` and `_lastUpdated` are columns, not content."""
    if type != query.type:
        return False
    if not query.conditions:
        return True
    held = extract(type, data, frozenset(condition.parameter.name for condition in query.conditions))
    return all(meets(held.get(condition.parameter.name), condition) for condition in query.conditions)


def meets(held: tuple[Value, ...] | None, condition: Condition) -> bool:
    """Whether the values of a parameter are what was asked; None: the resource has no such element."""
    for wanted in condition.values:
        if isinstance(wanted, asked.Missing):
            return (held is None) is wanted.wanted
    return any(fits(value, wanted) for value in held or () for wanted in condition.values) is not condition.negated


def fits(held: Value, wanted: asked.Value) -> bool:
    """Whether one value is what was asked."""
    match wanted, held:
        case asked.TokenValue(), Code():
            return _is_code(held, wanted)
        case asked.IdentifiedBy(identifier), Link():
            return held.identifier is not None and _is_code(held.identifier, identifier)
        case asked.Target(addresses), Link():
            return held.address in addresses
        case asked.Target(addresses), str():
            return held in addresses
        case asked.Beginning(form), str():
            return folded(held).startswith(form)
        case asked.Exactly(text), str():
            return whole(held) == text
        case asked.Contains(form, plain), str():
            return form in folded(held) or plain in unaccented(held)
        case Moment(), Interval():
            return _is_then(held, wanted)
        case asked.Measure(), Amount():
            return quantities.fits(held, wanted)
        case asked.Near(), Point():
            return _distance(held, wanted) <= wanted.metres
        case asked.Together(parts), Composite():
            pairs = zip(held.parts, parts, strict=True)
            return all(any(fits(value, part) for value in values) for values, part in pairs)
    return False


def _is_code(held: Code, wanted: asked.TokenValue) -> bool:
    return wanted.code in (None, held.code) and wanted.system in (None, held.system)


def _is_then(held: Interval, wanted: Moment) -> bool:
    """Whether a stretch of time fits, as R4 defines the prefixes for ranges."""
    asked = wanted.interval
    within = asked.start <= held.start and held.end <= asked.end
    match wanted.prefix:
        case Prefix.EQ:
            return within
        case Prefix.NE:
            return not within
        case Prefix.GE:
            return within or held.end > asked.end
        case Prefix.GT:
            return held.end > asked.end
        case Prefix.LE:
            return within or held.start < asked.start
        case Prefix.LT:
            return held.start < asked.start
        case Prefix.SA:
            return held.start >= asked.end
        case Prefix.EB:
            return held.end <= asked.start
        case Prefix.AP:
            about = around(asked)
            return held.start < about.end and about.start < held.end


def _distance(held: Point, wanted: asked.Near) -> float:
    """Metres over the surface of the earth (haversine)."""
    here, there = math.radians(float(held.latitude)), math.radians(wanted.latitude)
    east = math.radians(float(held.longitude) - wanted.longitude)
    chord = math.sin((there - here) / 2) ** 2 + math.cos(here) * math.cos(there) * math.sin(east / 2) ** 2
    return 2 * EARTH * math.asin(math.sqrt(min(1.0, chord)))
