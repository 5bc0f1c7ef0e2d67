"""The exact check after decryption: does this resource meet every condition of the query?"""

from typing import Any

from fhir.search import dates, values
from fhir.search.conditions import Beginning, Condition, Exactly, Moment, Prefix, Target, TokenValue, Value
from fhir.search.definitions import Parameter
from fhir.search.query import Query
from fhir.search.strings import folded, whole


def matches(type: str, data: dict[str, Any], query: Query) -> bool:
    """Whether the resource meets all conditions on its content; `_id` and `_lastUpdated` are columns, not content."""
    return type == query.type and all(_meets(data, condition) for condition in query.conditions)


def _meets(data: dict[str, Any], condition: Condition) -> bool:
    return any(_fits(data, condition.parameter, wanted) for wanted in condition.values)


def _fits(data: dict[str, Any], parameter: Parameter, wanted: Value) -> bool:
    paths = parameter.paths
    match wanted:
        case TokenValue(system, code):
            held = values.codes(data, parameter, paths=paths)
            return any(code in (None, pair[1]) and system in (None, pair[0]) for pair in held)
        case Target(addresses):
            return not addresses.isdisjoint(values.addresses(data, parameter, paths=paths))
        case Beginning(form):
            return any(folded(text).startswith(form) for text in values.strings(data, paths=paths))
        case Exactly(text):
            return any(whole(held) == text for held in values.strings(data, paths=paths))
        case Moment():
            stretches = (dates.value_interval(value) for path in paths for value in values.at(data, path))
            return any(stretch is not None and _is_then(stretch, wanted) for stretch in stretches)


def _is_then(held: dates.Interval, wanted: Moment) -> bool:
    """Whether a stretch of time fits, as R4 defines the prefixes for ranges."""
    asked = wanted.interval
    within = asked.start <= held.start and held.end <= asked.end
    match wanted.prefix:
        case Prefix.EQ:
            return within
        case Prefix.GE:
            return within or held.end > asked.end
        case Prefix.GT:
            return held.end > asked.end
        case Prefix.LE:
            return within or held.start < asked.start
        case Prefix.LT:
            return held.start < asked.start
