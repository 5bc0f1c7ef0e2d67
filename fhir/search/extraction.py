"""All values of a resource that its search parameters compare, in one walk over its JSON."""

from collections.abc import Collection, Iterator
from typing import Any

from fhir.search import dates, values
from fhir.search.definitions import PARAMETERS, Kind, Parameter, Path
from fhir.search.values import Code, Link, Value


def extract(type: str, data: dict[str, Any], names: Collection[str] | None = None) -> dict[str, tuple[Value, ...]]:
    """The values of each parameter of the type that has some, or of the named ones only."""
    found: dict[str, tuple[Value, ...]] = {}
    for parameter in PARAMETERS[type].parameters.values():
        held = tuple(_values(data, parameter, paths=parameter.paths))
        if held and (names is None or parameter.name in names):
            found[parameter.name] = held
    return found


def indexed(type: str, data: dict[str, Any]) -> dict[str, tuple[Value, ...]]:
    """The same values, each under one name only: that of the parameter whose tokens hold it (`Parameter.lookup`)."""
    found: dict[str, tuple[Value, ...]] = {}
    for parameter in PARAMETERS[type].parameters.values():
        paths = parameter.paths if parameter.indexed is None else parameter.indexed
        if held := tuple(_values(data, parameter, paths=paths)):
            found[parameter.name] = held
    return found


def _values(data: dict[str, Any], parameter: Parameter, *, paths: tuple[Path, ...]) -> Iterator[Value]:
    match parameter.kind:
        case Kind.TOKEN:
            yield from (Code(*pair) for pair in values.codes(data, parameter, paths=paths))
        case Kind.REFERENCE:
            for address in values.references(data, paths=paths):
                yield Link(address, address.rpartition("/")[0].rpartition("/")[2], None)
        case Kind.CANONICAL | Kind.URI:
            yield from values.canonicals(data, paths=paths)
        case Kind.STRING:
            yield from values.strings(data, paths=paths)
        case Kind.DATE:
            held = (dates.value_interval(value) for path in paths for value in values.at(data, path))
            yield from (stretch for stretch in held if stretch is not None)
