"""What a search by a value of a resource must find: asked as a client writes it, compared by R4's words once more.

Nothing of `fhir.search` compares here. What is compared are the oracle's meanings, of the published expressions.
https://hl7.org/fhir/R4/search.html#ptypes
"""

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

from fhir.search.definitions import PARAMETERS, Kind, Parameter
from tests.fhir.search import oracle, times
from tests.fhir.search.oracle import Meaning, Node

Fits = Callable[[Meaning], bool]
EARTH: Final = 6_371_000  # metres
# UCUM units that one dimension brings together, among those of the examples.
SCALES: Final = {
    "cm": ("length", Decimal("0.01")), "[in_i]": ("length", Decimal("0.0254")), "min": ("time", Decimal(60)),
    "a": ("time", Decimal(31_557_600)), "kPa": ("pressure", Decimal(1000)), "mm[Hg]": ("pressure", Decimal("133.322")),
    "%": ("one", Decimal("0.01")), "{score}": ("one", Decimal(1)),
}  # fmt: skip
UCUM: Final = "http://unitsofmeasure.org"


class Asked(NamedTuple):
    """One value of a query, and whether something held is what it asks for."""

    text: str
    fits: Fits
    modifier: str = ""


class Question(NamedTuple):
    """The pairs of a search, and the values that they ask for: a resource must hold one for each."""

    pairs: tuple[tuple[str, str], ...]
    fits: tuple[Fits, ...]

    def finds(self, held: set[Meaning]) -> bool:
        """Whether a resource is a hit that holds these in the parameter."""
        return all(any(fits(one) for one in held) for fits in self.fits)


def questions(type: str, data: dict[str, Any], name: str) -> Iterator[Question]:
    """What can be asked about the values that a resource has in a parameter."""
    parameter = PARAMETERS[type].parameters[name]
    if parameter.kind is Kind.COMPOSITE:
        for parts in oracle.together(type, data, parameter):
            yield from _together(type, parameter, parts)
        return
    for node in oracle.nodes(type, data, parameter):
        asked = list(_asked(node, parameter.kind, name=name, targets=parameter.targets))
        if parameter.kind is Kind.DATE and asked:  # from its start and to its end
            yield Question(tuple((name, one.text) for one in asked), tuple(one.fits for one in asked))
        elif parameter.kind is not Kind.DATE:
            yield from (Question(((name + one.modifier, one.text),), (one.fits,)) for one in asked)


def _together(type: str, parameter: Parameter, parts: oracle.Together) -> Iterator[Question]:
    asked: list[Asked] = []
    for nodes, component in zip(parts, parameter.components, strict=True):
        like = PARAMETERS[type].parameters.get(component.name)
        targets = like.targets if like is not None else ()
        found = (one for node in nodes for one in _asked(node, component.kind, name=component.name, targets=targets))
        first = next((one for one in found if not one.modifier), None)
        if first is None:
            return
        asked.append(first)

    def fit(held: Meaning) -> bool:
        pairs = zip(asked, held, strict=True)
        return all(any(one.fits(each) for each in of_part) for one, of_part in pairs)

    yield Question(((parameter.name, "$".join(one.text for one in asked)),), (fit,))


def _asked(node: Node, kind: Kind, *, name: str, targets: tuple[str, ...]) -> Iterator[Asked]:
    match kind:
        case Kind.TOKEN:
            yield from _codes(node, name in oracle.CONTACTS)
        case Kind.REFERENCE:
            yield from _links(node, targets)
        case Kind.STRING:
            yield from _texts(node)
        case Kind.DATE:
            yield from _times(node, name)
        case Kind.QUANTITY:
            yield from _amounts(node)
        case Kind.SPECIAL:
            yield _near(node)
        case Kind.CANONICAL | Kind.URI:
            yield Asked(_escaped(node.value), _is(node.value))


def _is(wanted: Meaning) -> Fits:
    return lambda held: bool(held == wanted)


def _has(place: int, wanted: Meaning) -> Fits:
    return lambda held: bool(held[place] == wanted)


def _begins(start: str) -> Fits:
    return lambda held: plain(held).startswith(start)


def _codes(node: Node, is_contact: bool) -> Iterator[Asked]:  # noqa: FBT001  # a fact about the parameter
    for system, code in oracle.codes(node):
        wanted = oracle.contact(code) if is_contact else code
        yield Asked(f"{_escaped(system)}|{_escaped(code)}", _is((system, wanted)))
        yield Asked(_escaped(code), _has(1, wanted))


def _links(node: Node, targets: tuple[str, ...]) -> Iterator[Asked]:
    for address, identifier in oracle.meaning(node, Kind.REFERENCE, name=""):
        type = address.partition("/")[0]
        if type in targets or address.startswith(("http://", "https://", "urn:")):
            yield Asked(_escaped(address), _has(0, address))
        if identifier is not None:
            yield Asked("|".join(map(_escaped, identifier)), _has(1, identifier), modifier=":identifier")


def _texts(node: Node) -> Iterator[Asked]:
    for text in oracle.texts(node.value):
        start = plain(text[:40])
        if start:
            yield Asked(_escaped(text[:40]), _begins(start))


def plain(text: str) -> str:
    """A text without case, accents and punctuation, in which Müller, Mueller and Muller are one."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(sign if sign.isalnum() else " " for sign in decomposed if not unicodedata.combining(sign))
    words = " ".join(letters.split())
    for long, short in (("ae", "a"), ("oe", "o")):
        words = words.replace(long, short)
    return re.sub(r"(^|[^aeq])ue", r"\1u", words)


def _times(node: Node, name: str) -> Iterator[Asked]:
    if not list(oracle.meaning(node, Kind.DATE, name=name)):
        return
    if isinstance(node.value, str):
        yield _when("", node.value)
        return
    start, end = node.value.get("start"), node.value.get("end")
    if events := node.value.get("event", ()):
        start, end = min(events, key=times.stretch), max(events, key=times.stretch)
    elif bounds := node.value.get("repeat", {}).get("boundsPeriod"):
        start, end = bounds.get("start"), bounds.get("end")
    yield from [_when("ge", start)] if start else []
    yield from [_when("le", end)] if end else []


def _when(prefix: str, text: str) -> Asked:
    since, until = times.stretch(text)

    def fits(held: Meaning) -> bool:
        start, end = held
        within: bool = since <= start and end <= until
        return within or (prefix == "ge" and end > until) or (prefix == "le" and start < since)

    return Asked(prefix + text, fits)


def _amounts(node: Node) -> Iterator[Asked]:
    for low, high, system, code, unit in oracle.meaning(node, Kind.QUANTITY, name=""):
        said = f"|{_escaped(system)}|{_escaped(code)}" if code else f"||{_escaped(unit)}" if unit else ""
        if low is not None and low == high:
            half = Decimal((0, (5,), int(Decimal(low).as_tuple().exponent) - 1))
            text, compare = f"{low}", _between(low - half, low + half)
        elif low is not None:
            text, compare = f"ge{low}", _from(low)
        else:
            text, compare = f"le{high}", _up_to(high)
        yield Asked(text + said, _measured(compare, system=system if code else "", code=code or unit))


Compare = Callable[[Decimal | None, Decimal | None, Decimal], bool]


def _between(least: Decimal, below: Decimal) -> Compare:
    return lambda low, high, scale: (
        low is not None and high is not None and least * scale <= low and high < below * scale
    )


def _from(least: Decimal) -> Compare:
    return lambda low, high, scale: high is None or high >= least * scale


def _up_to(most: Decimal) -> Compare:
    return lambda low, high, scale: low is None or low <= most * scale


def _measured(compare: Compare, *, system: str, code: str) -> Fits:
    def fits(held: Meaning) -> bool:
        low, high, *unit = held
        if not system:
            return (not code or code in unit[1:]) and compare(low, high, Decimal(1))
        if unit[:2] == [system, code]:
            return compare(low, high, Decimal(1))
        mine, theirs = SCALES.get(code, ("", Decimal(1))), SCALES.get(unit[1], ("?", Decimal(1)))
        if {system, unit[0]} != {UCUM} or mine[0] != theirs[0]:
            return False
        low, high = (None if end is None else end * theirs[1] for end in (low, high))
        return compare(low, high, mine[1])

    return fits


def _near(node: Node) -> Asked:
    here = node.value["latitude"], node.value["longitude"]
    return Asked(f"{here[0]}|{here[1]}|5|km", lambda held: _distance(here, held) <= 5000)


def _distance(one: tuple[Decimal, Decimal], other: tuple[Decimal, Decimal]) -> float:
    """Metres between two places: the straight line between them, bent along the sphere."""
    points = []
    for latitude, longitude in (one, other):
        up, round_ = math.radians(latitude), math.radians(longitude)
        points.append((math.cos(up) * math.cos(round_), math.cos(up) * math.sin(round_), math.sin(up)))
    return 2 * EARTH * math.asin(min(1.0, math.dist(*points) / 2))


def _escaped(text: str) -> str:
    return re.sub(r"([,|$\\])", r"\\\1", text)
