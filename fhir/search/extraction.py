"""All values of a resource that its search parameters compare, in one walk over its JSON.

The places of all parameters of a type make one tree, so what they share (`subject` of `subject` and `patient`) is walked
and read once, and only the keys that a resource has cost anything.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fhir.search.definitions import PARAMETERS, Kind, Parameter, Place
from fhir.search.readers import Reader, reader
from fhir.search.values import Composite, Value

Found = defaultdict[str, list[Value]]

MOST_WALKS: Final = 1024  # combinations of parameters that queries ask for


class Leaf(NamedTuple):
    """How an element is read, and for which parameters."""

    read: Reader
    names: tuple[str, ...]


class Group(NamedTuple):
    """The composites of one element: the keys and readers of their parts, and which parts make up which composite."""

    parts: tuple[tuple[tuple[str, Reader], ...], ...]
    composites: tuple[tuple[str, tuple[int, ...]], ...]


class Step(NamedTuple):
    """What is read of an element, and where to go on from it."""

    leaves: tuple[Leaf, ...]
    group: Group | None
    below: Mapping[str, "Step"]


def extract(type: str, data: dict[str, Any], names: Collection[str] | None = None) -> dict[str, tuple[Value, ...]]:
    """The values of each parameter of the type, or of the named ones; a name without one has no such element.

    An element that is there without anything to compare (a concept with only a text) has an empty tuple.
    """
    found: Found = defaultdict(list)
    root = walk(type, None if names is None else frozenset(names))
    _take(root.leaves, data, found)
    _read(root, data, found)
    return {name: tuple(values) for name, values in found.items()}


@lru_cache(maxsize=MOST_WALKS)
def walk(type: str, names: frozenset[str] | None) -> Step:
    """The tree of places of a type's parameters, or of the named ones."""
    parameters = PARAMETERS[type].parameters.values()
    wanted = [parameter for parameter in parameters if names is None or parameter.name in names]
    leaves: dict[tuple[str, ...], dict[Reader, list[str]]] = defaultdict(lambda: defaultdict(list))
    readers: dict[tuple[Kind, Place], Reader] = {}
    for parameter in wanted:
        for place in parameter.places:
            read = readers.setdefault((parameter.kind, place), reader(parameter.kind, place))
            leaves[place.path][read].append(parameter.name)
    groups = {base: _group(wanted, base) for parameter in wanted for base in parameter.bases}
    return _step((), leaves=leaves, groups=groups)


def _step(
    path: tuple[str, ...],
    *,
    leaves: Mapping[tuple[str, ...], Mapping[Reader, list[str]]],
    groups: Mapping[tuple[str, ...], Group],
) -> Step:
    here = tuple(Leaf(read, tuple(names)) for read, names in leaves.get(path, {}).items())
    deeper = [one for one in (*leaves, *groups) if len(one) > len(path) and one[: len(path)] == path]
    keys = dict.fromkeys(one[len(path)] for one in deeper)
    below = {key: _step((*path, key), leaves=leaves, groups=groups) for key in keys}
    return Step(here, groups.get(path), below)


def _group(parameters: Sequence[Parameter], base: tuple[str, ...]) -> Group:
    parts: dict[tuple[Place, ...], tuple[int, tuple[tuple[str, Reader], ...]]] = {}
    composites = []
    for parameter in parameters:
        if base not in parameter.bases:
            continue
        for component in parameter.components:
            read = tuple((place.path[0], reader(component.kind, place)) for place in component.places)
            parts.setdefault(component.places, (len(parts), read))
        composites.append((parameter.name, tuple(parts[component.places][0] for component in parameter.components)))
    return Group(tuple(read for _, read in parts.values()), tuple(composites))


def _read(step: Step, element: Any, found: Found) -> None:
    _, group, below = step
    if group is not None:
        _combine(group, element, found)
    for key, held in element.items():
        if key not in below:
            continue
        deeper = below[key]
        leaves, goes_on = deeper.leaves, deeper.below or deeper.group
        for one in held if held.__class__ is list else (held,):
            if leaves:
                _take(leaves, one, found)
            if goes_on and one.__class__ is dict:
                _read(deeper, one, found)


def _take(leaves: tuple[Leaf, ...], element: Any, found: Found) -> None:
    for read, names in leaves:
        values = read(element)
        if values is not None:
            for name in names:
                found[name] += values


def _combine(group: Group, element: dict[str, Any], found: Found) -> None:
    held = [
        tuple(value for key, read in part if key in element for value in read(element[key]) or ())
        for part in group.parts
    ]
    for name, parts in group.composites:
        if all(held[part] for part in parts):
            found[name].append(Composite(tuple(held[part] for part in parts)))
