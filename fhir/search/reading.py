"""Name and value of a search parameter, read into a condition.

https://hl7.org/fhir/R4/search.html#modifiers, #prefix, #escaping
"""

import re
from typing import Final

from fhir.here import relative
from fhir.models import SERVED
from fhir.search import dates, quantities, units
from fhir.search.conditions import (
    Beginning,
    Condition,
    Contains,
    Exactly,
    IdentifiedBy,
    Measure,
    Missing,
    Moment,
    Near,
    Prefix,
    Target,
    Together,
    TokenValue,
    Value,
)
from fhir.search.contacts import contact
from fhir.search.definitions import PARAMETERS, Kind, Parameter, TypeParameters, names
from fhir.search.refusals import BadValue, ModifierRefused, UnknownParameter
from fhir.search.strings import folded, unaccented, whole

MAX_VALUES: Final = 100  # alternatives in one parameter, so that one request can't ask for a million tokens
# R4 has these too. They would need a text index, a query language or lists of resources.
REFUSED: Final = ("_text", "_content", "_filter", "_query", "_list", "_contained", "_containedType", "_type")
# `:missing` goes with every parameter, and a reference takes its target types as well.
MODIFIERS: Final = {
    Kind.TOKEN: ("not",),
    Kind.STRING: ("exact", "contains"),
    Kind.REFERENCE: ("identifier",),
}
PLUS: Final = "Write a + in an address as %2B: a bare one is read as a space."
BARE_PLUS: Final = "Write a + in an address as %2B, and a space at the beginning as %20: a bare + can be either."
NEARBY: Final = "10"  # kilometres, where `near` names no distance: R4 leaves it to the server

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
NAME = re.compile(r"[A-Za-z0-9_:.\-]{1,64}")
_LITERAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
_PREFIXED = re.compile(r"([a-z]{2})(?=[\d.+-])")
_DEGREES = re.compile(r"-?\d{1,3}(\.\d{1,20})?", re.ASCII)


class BarePlus(str):
    """A value that a + without an escape begins, or one of its parts: it was read as a space, and meant as either."""

    __slots__ = ()


def condition(type: str, name: str, text: str) -> Condition:
    """What one parameter asks; a problem that names what is unknown or can't be read."""
    base, _, modifier = name.partition(":")
    parameter = PARAMETERS[type].parameters.get(base)
    if parameter is None:
        raise UnknownParameter(unknown(type, name))
    if modifier == "missing":
        if text not in ("true", "false"):
            raise BadValue(f"The value of {base}:missing must be true or false.")
        return Condition(parameter, (Missing(text == "true"),))
    _require_modifier(parameter, modifier)
    targets = (modifier,) if modifier in parameter.targets else parameter.targets
    if parameter.kind is Kind.COMPOSITE:
        values: tuple[Value, ...] = tuple(
            _together(PARAMETERS[type], parameter, part) for part in alternatives(base, text)
        )
    else:
        values = tuple(
            _value(parameter.kind, base, part, targets=targets, modifier=modifier) for part in alternatives(base, text)
        )
    if isinstance(text, BarePlus) and any(map(_begins_with_space, values)):  # `phone=+49...`, but not `phone=%20...`
        raise BadValue(f"The value of {base} begins with a + or a space. {BARE_PLUS}")
    if "ContactPoint" in parameter.types:
        values = tuple(_contact(value) for value in values)
    return Condition(parameter, values, negated=modifier == "not")


def unknown(type: str, name: str) -> str:
    """The sentence that refuses a parameter by name and says which there are."""
    known = f"Known for {type}: {', '.join(names(type))}."
    if not NAME.fullmatch(name):
        return f"A search parameter is not known. {known}"
    if name.partition(":")[0] in REFUSED:
        return f"The search parameter {name} is not supported. {known}"
    return f"The search parameter {name} is not known. {known}"


def alternatives(name: str, text: str) -> list[str]:
    """The values between the commas, their escapes kept."""
    parts = _pieces(text, ",")
    if not all(parts):
        raise BadValue(f"{name} has an empty value.")
    if len(parts) > MAX_VALUES:
        raise BadValue(f"{name} has more than {MAX_VALUES} values.")
    return parts


def moment(name: str, text: str) -> Moment:
    """A date with its prefix."""
    prefix, text = _prefixed(name, text)
    try:
        return Moment(prefix, dates.interval(text))
    except dates.NotADateError:
        if " " in text:
            raise BadValue(f"The value of {name} has a space in it. {PLUS}") from None
        raise BadValue(
            f"The value of {name} must be a date or time like 2026, 2026-11, 2026-11-23 or 2026-11-23T10:00:00+01:00."
        ) from None


def _require_modifier(parameter: Parameter, modifier: str) -> None:
    allowed = MODIFIERS.get(parameter.kind, ())
    if not modifier or modifier in allowed or modifier in _types(parameter):
        return
    shown = modifier if NAME.fullmatch(modifier) else "given"
    supported = ", ".join(f":{known}" for known in ("missing", *allowed, *_types(parameter)))
    raise ModifierRefused(f"The modifier {shown} is not supported for {parameter.name}. Supported: {supported}.")


def _types(parameter: Parameter) -> tuple[str, ...]:
    return parameter.targets if parameter.kind is Kind.REFERENCE else ()


def _value(kind: Kind, name: str, text: str, *, targets: tuple[str, ...], modifier: str = "") -> Value:
    match kind:
        case Kind.TOKEN:
            return _token(name, text)
        case Kind.REFERENCE if modifier == "identifier":
            return IdentifiedBy(_token(name, text))
        case Kind.REFERENCE:
            return _target(name, text, targets=targets)
        case Kind.CANONICAL | Kind.URI:
            return Target(frozenset({_unescaped(text)}))
        case Kind.DATE:
            return moment(name, text)
        case Kind.STRING:
            return _text(name, text, modifier=modifier)
        case Kind.QUANTITY:
            return _measure(name, text)
        case Kind.SPECIAL:
            return _near(name, text)
    raise AssertionError(kind)  # no part of a composite is one itself


def _token(name: str, text: str) -> TokenValue:
    parts = _pieces(text, "|")
    if len(parts) > 2:
        raise BadValue(
            f"The value of {name} has more than one |. Write system|code, and \\| for a | that belongs to it."
        )
    code = _unescaped(parts[-1])
    if len(parts) == 1:
        return TokenValue(None, code)
    system = _unescaped(parts[0])
    if not system and not code:
        raise BadValue(f"The value of {name} names neither a system nor a code.")
    return TokenValue(system, code or None)


def _begins_with_space(value: Value) -> bool:
    match value:
        case TokenValue(_, str(code)):
            return code.startswith(" ")
        case IdentifiedBy(identifier):
            return _begins_with_space(identifier)
        case Together(parts):
            return any(map(_begins_with_space, parts))
    return False


def _contact(value: Value) -> Value:
    """The value in the form that contact points are read in (`readers.py`)."""
    if isinstance(value, TokenValue) and value.code is not None:
        return TokenValue(value.system, contact(value.code))
    return value


def _target(name: str, text: str, *, targets: tuple[str, ...]) -> Target:
    address = relative(_unescaped(text))
    if ID.fullmatch(address):
        return Target(frozenset(f"{target}/{address}" for target in targets))
    if literal := _LITERAL.fullmatch(address):
        if literal[1] not in targets:
            raise BadValue(f"{name} can't refer to that type, but to: {', '.join(targets)}.")
        return Target(frozenset({address}))
    if address.startswith(("http://", "https://", "urn:")):
        return Target(frozenset({address}))
    raise BadValue(f"The value of {name} must be an id, Type/id or an absolute address.")


def _text(name: str, text: str, *, modifier: str) -> Value:
    plain = _unescaped(text)
    if modifier == "exact":
        return Exactly(whole(plain))
    if not (form := folded(plain)):
        raise BadValue(f"The value of {name} holds no letter or digit.")
    return Contains(form, unaccented(plain)) if modifier else Beginning(form)


def _measure(name: str, text: str) -> Measure:
    prefix, text = _prefixed(name, text)
    number, *unit = _pieces(text, "|")
    if len(unit) not in (0, 2):
        raise BadValue(f"The value of {name} must be number, number|system|code or number||unit.")
    system, code = (_unescaped(part) for part in unit or ("", ""))
    try:
        return quantities.measure(number, prefix, system=system, code=code)
    except quantities.NotANumberError:
        raise BadValue(f"The value of {name} must begin with a number like 5.4 or 1.2e3.") from None


def _together(table: TypeParameters, parameter: Parameter, text: str) -> Together:
    parts = _pieces(text, "$")
    if len(parts) != len(parameter.components) or not all(parts):
        shown = "$".join(component.name for component in parameter.components)
        raise BadValue(f"The value of {parameter.name} must be {shown}, with $ between its parts.")
    found: list[Value] = []
    for component, part in zip(parameter.components, parts, strict=True):
        same = table.parameters.get(component.name)
        targets = same.targets if same is not None else SERVED
        found.append(_value(component.kind, component.name, part, targets=targets))
    return Together(tuple(found))


def _near(name: str, text: str) -> Near:
    parts = [*_pieces(text, "|"), "", ""][:4] if text.count("|") < 4 else []
    if len(parts) < 4 or not (_DEGREES.fullmatch(parts[0]) and _DEGREES.fullmatch(parts[1])):
        raise BadValue(f"The value of {name} must be latitude|longitude|distance|unit, in degrees.")
    latitude, longitude = float(parts[0]), float(parts[1])
    scale = units.scale(units.SYSTEM, parts[3] or "km")
    if abs(latitude) > 90 or abs(longitude) > 180 or scale is None or scale.dimension != "m1":
        raise BadValue(f"The value of {name} must be degrees of latitude and longitude, and a distance like 5|km.")
    try:
        distance = quantities.measure(parts[2] or NEARBY, Prefix.EQ, system="", code="").number
    except quantities.NotANumberError:
        raise BadValue(f"The distance in {name} must be a number.") from None
    return Near(latitude, longitude, float(scale.of(distance)))


def _prefixed(name: str, text: str) -> tuple[Prefix, str]:
    form = _PREFIXED.match(text)
    if form is None:
        return Prefix.EQ, text
    try:
        return Prefix(form[1]), text[2:]
    except ValueError:
        allowed = ", ".join(known.value for known in Prefix)
        raise BadValue(f"The prefix {form[1]} is not supported for {name}. Supported: {allowed}.") from None


def _pieces(text: str, separator: str) -> list[str]:
    """The parts between the separators that no backslash stands before, their escapes kept."""
    if "\\" not in text:
        return text.split(separator)
    parts, start = [], 0
    for mark in re.finditer(rf"\\.|{re.escape(separator)}", text, re.DOTALL):
        if mark[0] == separator:
            parts.append(text[start : mark.start()])
            start = mark.end()
    return [*parts, text[start:]]


def _unescaped(text: str) -> str:
    return re.sub(r"\\([,|$\\])", r"\1", text) if "\\" in text else text
