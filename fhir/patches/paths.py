"""The FHIRPath that patches need: element names, `[n]`, `first()`, `last()`, `where(a.b = 'x')`, `ofType(X)`, `as(X)`.

Anything else is refused by name. https://hl7.org/fhir/R4/fhirpatch.html
"""

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from fhir import costs
from fhir.patches.problems import BadPatch, PatchTooCostly
from fhir.patches.tree import Node, same
from fhir.rules.table import Element, type_of

_STEP: Final = re.compile(
    r"""\.?(?:
        (?P<function>first|last)\(\s*\)
        |(?:ofType|as)\(\s*(?:FHIR\.)?(?P<type>[A-Za-z][A-Za-z0-9]*)\s*\)
        |where\(\s*(?P<inner>[a-zA-Z][A-Za-z0-9.]*)\s*=\s*(?P<literal>'(?:[^'\\]|\\.)*'|true|false|-?\d+(?:\.\d+)?)\s*\)
        |\[\s*(?P<index>\d{1,6})\s*\]
        |(?P<call>[A-Za-z]\w*)\(
        |(?P<name>[A-Za-z][A-Za-z0-9]*)
        |`(?P<quoted>[A-Za-z][A-Za-z0-9]*)`
    )""",
    re.VERBOSE,
)
_PLAIN: Final = re.compile(r"[A-Za-z]\w{0,30}")


MOST_LETTERS: Final = 500
MOST_PLACES: Final = 100_000  # looked at by one patch; well below a second


class Steps:
    """How many places a patch may still look at."""

    def __init__(self) -> None:
        self.left = MOST_PLACES

    def spend(self, places: int) -> None:
        """Nothing; so many fewer are left, `PatchTooCostly` if they were not."""
        self.left -= places
        if self.left < 0:
            raise PatchTooCostly
        costs.looked_at(places)


class PathRefused(BadPatch):
    """This FHIRPath is not one that a patch may have here."""

    issue = "not-supported"


class Place(NamedTuple):
    """Where a value stands: a member of an object of a type, or an item of a member that is an array.

    `name` is what FHIRPath calls the element: `value` where the key is `valueQuantity`.
    """

    owner: Node
    type: str
    name: str
    key: str
    at: int | None

    @property
    def element(self) -> Element:
        """What the element may hold."""
        return type_of(self.type).elements[self.key]

    @property
    def node(self) -> Node:
        """The value there."""
        held = self.owner.members[self.key]
        return held if self.at is None else held.items[self.at]


def found(root: Node, path: str, *, type: str, effort: Steps) -> list[Place] | None:
    """The places that a path leads to; None for the resource itself."""
    if len(path) > MOST_LETTERS:
        raise PathRefused(f"A path has at most {MOST_LETTERS} letters.")
    steps = list(_steps(path))
    if steps and steps[0].get("name") in (type, "Resource", "DomainResource"):
        steps = steps[1:]
    places: list[Place] | None = None
    for step in steps:
        # A condition opens every place before it leaves most of them out.
        effort.spend(len(places or ()) if "inner" in step else 0)
        places = _after(root, places, step=step, type=type)
        effort.spend(len(places))
    return places


def keys_of(type: str, name: str) -> tuple[str, ...]:
    """The keys that an element has in JSON: itself, or one for each type if it is a choice; none if it is unknown."""
    if name in type_of(type).elements:
        return (name,)
    return next((tuple(sorted(choice.members)) for choice in type_of(type).choices if choice.name == name), ())


def _steps(path: str) -> Iterator[dict[str, str]]:
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None or (at == 0) != (path[at : at + 1] not in (".", "[")):
            raise PathRefused(
                "The path can't be read. Known are names, [0], first(), last(), where(a = 'b'), ofType(X)."
            )
        given = {name: value for name, value in step.groupdict().items() if value is not None}
        if "call" in given:
            raise PathRefused(
                f"The function {_shown(given['call'])}() is not offered in the path of a patch, or not so."
            )
        if "quoted" in given:
            given["name"] = given.pop("quoted")
        yield given
        at = step.end()
    if at == 0:
        raise PathRefused("An operation needs a path.")


def _after(root: Node, places: list[Place] | None, *, step: dict[str, str], type: str) -> list[Place]:
    if "name" in step:
        return _children(root, places, name=step["name"], type=type)
    if places is None:
        raise PathRefused("A path begins with the name of an element.")
    if "index" in step:
        return places[int(step["index"]) :][:1]
    if "function" in step:
        return places[:1] if step["function"] == "first" else places[-1:]
    if "type" in step:
        ending = step["type"][:1].upper() + step["type"][1:]
        return [place for place in places if place.key.endswith(ending) and len(place.key) > len(ending)]
    wanted = _literal(step["literal"])
    return [place for place in places if _holds(place, step["inner"].split("."), wanted)]


def _children(root: Node, places: list[Place] | None, *, name: str, type: str) -> list[Place]:
    if places is None:
        return _named(root, type, name)
    below = [(place.node, place.element.inner) for place in places if place.element.inner]
    return [child for node, inner in below if node.is_object for child in _named(node, inner, name)]


def _named(owner: Node, type: str, name: str) -> list[Place]:
    keys = keys_of(type, name)
    if not keys:
        raise PathRefused(f"The element {_shown(name)} is not one of {type}.")
    return [Place(owner, type, name, key, at) for key in keys if key in owner.members for at in _indices(owner, key)]


def _indices(owner: Node, key: str) -> Sequence[int | None]:
    held = owner.members[key]
    return range(len(held.items)) if held.is_list else (None,)


def _holds(place: Place, names: list[str], wanted: Any) -> bool:
    nodes = [place.node]
    for name in names:
        inner = [node.members[name] for node in nodes if node.is_object and name in node.members]
        nodes = [item for node in inner for item in (node.items if node.is_list else [node])]
    # FHIRPath compares single values: several are equal to nothing.
    return len(nodes) == 1 and same(nodes[0].value(), wanted)


def _literal(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("'"):
        inner = text[1:-1].replace("\\'", "'").replace('"', '\\"').replace("\\`", "`")
        try:
            return json.loads(f'"{inner}"')
        except ValueError:
            raise PathRefused("A text in the path has an escape that FHIRPath does not know.") from None
    return Decimal(text)


def _shown(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else "(not a name)"
