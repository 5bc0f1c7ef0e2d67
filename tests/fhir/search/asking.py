"""From a value that a resource has to a search that must find it."""

import re

from fhir.search import dates
from fhir.search.dates import Interval
from fhir.search.definitions import Component, Parameter
from fhir.search.strings import folded
from fhir.search.values import Amount, Code, Composite, Link, Point, Value

Pairs = list[tuple[str, str]]


def pairs(parameter: Parameter, value: Value) -> Pairs | None:
    """The pairs of a query that asks for exactly this value; None if no search can ask for it."""
    name = parameter.name
    match value:
        case Interval(start, end):
            asked = [(name, f"ge{start.isoformat()}")] if start > dates.EARLIEST else []
            return asked + ([(name, f"le{end.isoformat()}")] if end < dates.LATEST else [])
        case Link("", _, Code() as identifier):
            return [(f"{name}:identifier", _code(identifier))]
        case Link(address, type, _) if type and "/" in address and type not in parameter.targets and ":" not in address:
            return None  # the validation lets it pass, a search by it is refused
        case Composite(parts):
            texts = [_text(part[0], component) for part, component in zip(parts, parameter.components, strict=True)]
            return [(name, "$".join(text for text in texts if text))] if all(texts) else None
        case _:
            text = _text(value, parameter)
            return [(name, text)] if text else None


def _text(value: Value, part: Parameter | Component) -> str | None:
    match value:
        case Code():
            return _code(value)
        case Link(address, _, _):
            return _escaped(address)
        case Interval(start, _):
            return f"ge{start.isoformat()}"
        case Amount(low, high, system, code, _):
            number = f"le{high}" if low is None else str(low) if low == high else f"ge{low}"
            return f"{number}|{_escaped(system)}|{_escaped(code)}" if code else number
        case Point(latitude, longitude):
            return f"{latitude}|{longitude}|1|km"
        case str():
            if part.kind.value == "string":
                return _escaped(value[:60]) if folded(value[:60]) else None
            return _escaped(value)
    raise AssertionError(value)


def _code(code: Code) -> str:
    return f"{_escaped(code.system)}|{_escaped(code.code)}"


def _escaped(text: str) -> str:
    return re.sub(r"([,|$\\])", r"\\\1", text)
