"""Random resources and random searches over all parameters, their values out of the same few, so that many meet."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from fhir.models import SERVED
from fhir.search import indexing
from fhir.search.dates import Interval
from fhir.search.definitions import PARAMETERS, Kind, Parameter, Place
from fhir.search.extraction import extract
from fhir.search.indexing import Index
from fhir.search.values import Amount, Code, Composite, Link, Value

REFERENCES = ("Patient/a", "Patient/b", "Practitioner/a", "Group/a", "https://example.org/fhir/Patient/a")
CODES = ("final", "booked", "8480-6")
SYSTEMS = ("http://loinc.org", "http://hl7.org/fhir/observation-status", "phone", "")
NAMES = ("Müller", "Mueller", "Muller", "Mü", "Müller-Lüdenscheidt", "Bauer", "Łukasz", "O'Neil", "van der Berg")
DATES = ("2026", "2026-11", "2026-11-23", "2026-11-30", "2027-01-01", "1957-05-17", "2026-11-23T23:30:00Z",
         "2026-11-23T10:00:00+01:00", "2026-12-31T23:59:59.5+01:00", "9999-12-31", "2019-02-03T00:00:00+01:00",
         "0001", "1600-05-17", "1799-12-31", "2200-01-01", "9999-12-31T23:59:60-14:00")  # fmt: skip
NUMBERS = ("0", "0.1", "99.5", "100", "100.00", "1e2", "105", "1000", "-3", "37.0", "98.6", "5e-9", "1e40")
UNITS = (
    ("http://unitsofmeasure.org", "mg/dL"), ("http://unitsofmeasure.org", "g/L"), ("http://unitsofmeasure.org", "[degF]"),
    ("http://unitsofmeasure.org", "Cel"), ("http://unitsofmeasure.org", "{score}"), ("urn:u", "mg/dL"), ("", "g/L"), ("", ""),
)  # fmt: skip
CROWDED = ("Observation", "Observation", "Patient", "Encounter", "AuditEvent", "Appointment", "CarePlan", "Condition")
ADDRESSES = ("http://example.org/q", "http://example.org/q|1", "urn:x")

_systems = st.sampled_from(SYSTEMS).map(lambda system: {"system": system} if system else {})
_codings = st.builds(lambda code, system: {"code": code} | system, st.sampled_from(CODES), _systems)
_identifiers = st.builds(lambda code, system: {"value": code} | system, st.sampled_from(CODES), _systems)
_references = st.builds(
    lambda text, identifier: {"reference": text} | identifier,
    st.sampled_from((*REFERENCES, "Patient/a/_history/2", "#c")),
    st.just({}) | _identifiers.map(lambda held: {"identifier": held}),
)
_periods = st.dictionaries(st.sampled_from(["start", "end"]), st.sampled_from(DATES), max_size=2)
_quantities = st.builds(
    lambda number, unit, sign: {"value": Decimal(number), "system": unit[0], "code": unit[1]} | sign,
    st.sampled_from(NUMBERS),
    st.sampled_from(UNITS),
    st.sampled_from([{}, {}, {"comparator": "<"}, {"comparator": ">="}]),
)
ELEMENTS: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "code": st.sampled_from(CODES),
    "Coding": _codings,
    "CodeableConcept": st.builds(lambda parts: {"coding": parts}, st.lists(_codings, max_size=3))
    | st.just({"text": "x"}),
    "Identifier": _identifiers,
    "ContactPoint": _identifiers,
    "Reference": _references,
    "string": st.sampled_from(NAMES),
    "markdown": st.sampled_from(NAMES),
    "uri": st.sampled_from(ADDRESSES),
    "url": st.sampled_from(ADDRESSES),
    "canonical": st.sampled_from(ADDRESSES),
    "date": st.sampled_from(DATES[:6]),
    "dateTime": st.sampled_from(DATES),
    "instant": st.sampled_from([text for text in DATES if "T" in text]),
    "Period": _periods,
    "Timing": st.builds(lambda events: {"event": events}, st.lists(st.sampled_from(DATES), max_size=3)),
    "Quantity": _quantities,
    "Age": _quantities,
    "Duration": _quantities,
    "Range": st.builds(lambda low, high: {"low": low, "high": high}, _quantities, _quantities),
    "SampledData": st.builds(lambda origin: {"origin": origin, "data": "1 2 U 3", "factor": 2}, _quantities),
    "Location.position": st.just({"latitude": Decimal("52.5"), "longitude": Decimal("13.4")}),
}

_prefixes = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
_tokens = st.builds(
    "{}{}".format, st.sampled_from(["", "", *(f"{system}|" for system in SYSTEMS)]), st.sampled_from(CODES)
) | st.just("http://loinc.org|")
_ASKED: dict[Kind, st.SearchStrategy[str]] = {
    Kind.TOKEN: _tokens,
    Kind.CANONICAL: st.sampled_from(ADDRESSES),
    Kind.URI: st.sampled_from(ADDRESSES),
    Kind.STRING: st.sampled_from(NAMES).flatmap(lambda name: st.integers(1, 12).map(lambda length: name[:length])),
    Kind.DATE: st.builds("{}{}".format, _prefixes, st.sampled_from(DATES)),
    Kind.QUANTITY: st.builds(
        lambda prefix, number, unit: f"{prefix}{number}" + (f"|{unit[0]}|{unit[1]}" if unit[1] else ""),
        _prefixes,
        st.sampled_from(NUMBERS),
        st.sampled_from(UNITS),
    ),
    Kind.SPECIAL: st.just("52.52|13.40|5|km"),
}
_MODIFIERS = {
    Kind.TOKEN: ["", "", "", "", ":not"],
    Kind.STRING: ["", "", ":exact", ":contains"],
    Kind.REFERENCE: ["", "", "", "", ":identifier"],
}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[str, dict[str, Any], list[tuple[str, str]]]:
    """A type, a resource of it (as far as its parameters look), and the pairs of a search."""
    type = draw(st.sampled_from([*SERVED, *CROWDED * 5]))
    known = sorted(PARAMETERS[type].parameters.values(), key=lambda parameter: parameter.name)
    # What has tokens together with something else meets rarely by chance.
    known += [one for one in known if indexing.index_of(type, one.name) in (Index.COMPOUND, Index.KEYED)] * 5
    known += [one for one in known if indexing.elsewhere(type, one.name) != (one.name,)] * 2
    chosen = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2))
    table = PARAMETERS[type]
    chosen += [beside for beside in (table.anchor, table.date) if beside is not None and draw(st.booleans())]
    data: dict[str, Any] = {"resourceType": type}
    for parameter in chosen:
        for _ in range(draw(st.sampled_from([1, 1, 1, 2, 0]))):
            draw(_filled(data, parameter))
    asked = draw(st.lists(st.sampled_from(chosen), min_size=1, max_size=3))
    held = extract(type, data)
    pairs = [draw(_pair(type, parameter, held.get(parameter.name, ()))) for parameter in asked]
    return type, data, pairs


@st.composite
def _filled(draw: st.DrawFn, data: dict[str, Any], parameter: Parameter) -> None:
    if parameter.kind is not Kind.COMPOSITE:
        _put(data, draw(st.sampled_from(parameter.places)), draw)
        return
    node = data
    for key in draw(st.sampled_from(parameter.bases)):
        node = _below(node, key)
    for component in parameter.components:
        _put(node, draw(st.sampled_from(component.places)), draw)


def _put(node: dict[str, Any], place: Place, draw: st.DrawFn) -> None:
    if place.type not in ELEMENTS:  # a whole document; whether somebody has died
        return
    value = draw(ELEMENTS[place.type])
    if place.only:
        value = value | {"system": place.only}
    for key in place.path[:-1]:
        node = _below(node, key)
    held = node.setdefault(place.path[-1], [])
    if isinstance(held, list):
        held[:] = [*held, value] if place.type != "instant" else [value]  # R4 has no array of instants


def _below(node: dict[str, Any], key: str) -> dict[str, Any]:
    """The one object under a key, whether or not R4 has an array there: the walk goes through both."""
    held = node.setdefault(key, [])
    if not isinstance(held, list):
        return {}
    if not held or not isinstance(held[-1], dict):
        held.append({})
    last: dict[str, Any] = held[-1]
    return last


@st.composite
def _pair(draw: st.DrawFn, type: str, parameter: Parameter, held: tuple[Value, ...]) -> tuple[str, str]:
    if draw(st.integers(0, 19)) == 13:
        return f"{parameter.name}:missing", draw(st.sampled_from(["true", "false"]))
    modifier = draw(st.sampled_from(_MODIFIERS.get(parameter.kind, [""])))
    values = draw(st.lists(_asked(type, parameter, modifier), min_size=0 if held else 1, max_size=1 if held else 2))
    if not values or (held and modifier != ":identifier" and draw(st.integers(0, 3))):
        values.append(draw(_like(draw(st.sampled_from(held)), parameter.targets)))
        modifier = "" if modifier == ":identifier" else modifier
    return parameter.name + modifier, ",".join(values)


def _like(value: Value, targets: tuple[str, ...]) -> st.SearchStrategy[str]:
    """What asks for this very value, or something about it."""
    match value:
        case Code(system, code):
            return st.sampled_from([code, code, f"{system}|{code}", f"{system}|" if system else code])
        case Link(address, _, _):
            return st.just(address if address.partition("/")[0] in (*targets, "https:") else "a")
        case str(text):
            return st.integers(1, len(text)).map(lambda length: text[:length]) | st.just(text)
        case Interval(start, _):
            text = start.isoformat() if start.utcoffset() == timedelta() else "0001-01-01"  # no text has its zone
            return _prefixes.map(lambda prefix: prefix + text)
        case Amount():
            unit = f"|{value.system}|{value.code}" if value.code else ""
            number = value.high if value.low is None else value.low
            return _prefixes.map(lambda prefix: f"{prefix}{number}{unit}")
        case Composite(parts):
            return st.tuples(
                *(st.sampled_from(part).flatmap(lambda one: _like(one, ("Patient", "Group"))) for part in parts)
            ).map("$".join)
    return st.just("52.5|13.4|1")


def _asked(type: str, parameter: Parameter, modifier: str) -> st.SearchStrategy[str]:
    if parameter.kind is Kind.COMPOSITE:
        parts = []
        for component in parameter.components:
            same = PARAMETERS[type].parameters.get(component.name)
            parts.append(_ASKED[component.kind] if same is None else _asked(type, same, ""))
        return st.tuples(*parts).map("$".join)
    if parameter.kind is Kind.REFERENCE:
        fit = [text for text in REFERENCES if text.partition("/")[0] in (*parameter.targets, "https:")]
        return _tokens if modifier else st.sampled_from([*fit, "a"])
    return _ASKED[parameter.kind]
