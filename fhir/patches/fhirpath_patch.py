"""FHIRPath Patch: a Parameters resource of operations. https://hl7.org/fhir/R4/fhirpatch.html"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from fhir import codec
from fhir.patches import paths
from fhir.patches.json_patch import MOST_OPERATIONS
from fhir.patches.paths import Place
from fhir.patches.problems import BadPatch, PatchFailed
from fhir.patches.tree import Node
from fhir.rules.table import Element, type_of
from infra.problems import Issue

_TEXTS: Final = {"type": "valueCode", "path": "valueString", "name": "valueString"}
_NUMBERS: Final = ("index", "source", "destination")
_NULL: Final = "null"


class Op(Enum):
    """The operations of FHIRPath Patch."""

    ADD = "add"
    INSERT = "insert"
    DELETE = "delete"
    REPLACE = "replace"
    MOVE = "move"


_NEEDS: Final = {
    Op.ADD: {"path", "name", "value"},
    Op.INSERT: {"path", "index", "value"},
    Op.DELETE: {"path"},
    Op.REPLACE: {"path", "value"},
    Op.MOVE: {"path", "source", "destination"},
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; what it does not need is empty. `value` is the part that holds the new value."""

    op: Op
    path: str
    name: str = ""
    index: int = 0
    source: int = 0
    destination: int = 0
    value: Node | None = None


def read(body: bytes) -> tuple[Operation, ...]:
    """The operations of a Parameters resource; 400 if it is none."""
    asked = codec.load(body)
    if not isinstance(asked, dict) or asked.get("resourceType") != "Parameters":
        raise BadPatch(
            "A FHIRPath Patch is a Parameters resource. Send a JSON Patch, an array, as application/json-patch+json."
        )
    parameters = Node(body.decode().strip()).members.get("parameter")
    if parameters is None or not parameters.is_list or len(parameters.items) > MOST_OPERATIONS:
        raise BadPatch(f"The Parameters need a list of 1 to {MOST_OPERATIONS} operations.")
    return tuple(_operation(index, node) for index, node in enumerate(parameters.items))


def applied(root: Node, operations: Sequence[Operation], *, type: str) -> Node:
    """The resource after all operations, one after the other; `PatchFailed` names the first that can't be."""
    effort = paths.Steps()
    for index, operation in enumerate(operations):
        try:
            _apply(root, operation, type=type, effort=effort)
        except PatchFailed as failed:
            text = f"Operation {index} ({operation.op.value}): {failed.text}"
            place = f"Parameters.parameter[{index}]"
            raise PatchFailed(text, issues=[Issue(failed.issue, text, (place,))]) from None
    return root


def _operation(index: int, node: Node) -> Operation:
    place = f"Parameters.parameter[{index}]"
    parts = _parts(node, place=place)
    if _text(node.members.get("name")) != "operation" or set(node.members) != {"name", "part"}:
        raise BadPatch(f"{place}: an operation has the name operation and parts, nothing else.")
    given: dict[str, Any] = {}
    for name, part in parts:
        if name in given:
            raise BadPatch(f"{place}: a part stands twice.")
        given[name] = part if name == "value" else _plain(name, part, place=place)
    try:
        op = Op(given.pop("type", ""))
    except ValueError:
        raise BadPatch(f"{place}: type must be add, insert, delete, replace or move.") from None
    if set(given) != _NEEDS[op]:
        raise BadPatch(f"{place}: {op.value} has the parts type, {', '.join(sorted(_NEEDS[op]))}, no others.")
    return Operation(op, **given)


def _parts(node: Node, *, place: str) -> list[tuple[str, Node]]:
    held = node.members.get("part") if node.is_object else None
    if held is None or not held.is_list or not all(part.is_object for part in held.items):
        raise BadPatch(f"{place}: parts are missing.")
    return [(_text(part.members.get("name")), part) for part in held.items]


def _plain(name: str, part: Node, *, place: str) -> Any:
    key = "valueInteger" if name in _NUMBERS else _TEXTS.get(name)
    # Examples of the standard write the type and the name as code or as string.
    keys = ("valueCode", "valueString") if key != "valueInteger" else (key,)
    value = next((part.members[one].value() for one in keys if one in part.members), None)
    fits = (isinstance(value, int) and 0 <= value < 1_000_000) if name in _NUMBERS else isinstance(value, str)
    if key is None or not fits or isinstance(value, bool):
        raise BadPatch(f"{place}: a part is not known, or its value is of another type.")
    return value


def _text(node: Node | None) -> str:
    value = node.value() if node is not None else None
    return value if isinstance(value, str) else ""


def _apply(root: Node, operation: Operation, *, type: str, effort: paths.Steps) -> None:
    places = paths.found(root, operation.path, type=type, effort=effort)
    match operation.op:
        case Op.ADD:
            owner, inner = (root, type) if places is None else _inside(_one(places))
            _add(owner, inner, operation)
        case Op.INSERT:
            place = _list(places)
            _, value = _target(place.type, place.name, _required(operation))
            _within(operation.index, len(place.owner.members[place.key].items) + 1)
            place.owner.members[place.key].insert(operation.index, value)
            if (twin := _twin(place)) is not None:
                twin.insert(min(operation.index, len(twin.items)), Node(_NULL))
        case Op.DELETE:
            for place in [_one(places)] if places != [] else []:
                _delete(place)
        case Op.REPLACE:
            place = _one(places)
            _replace(place, *_target(place.type, place.name, _required(operation)))
        case Op.MOVE:
            place = _list(places)
            for index in (operation.source, operation.destination):
                _within(index, len(place.owner.members[place.key].items))
            for held in (place.owner.members[place.key], _twin(place)):
                if held is not None:
                    held.insert(operation.destination, held.pop(operation.source))


def _one(places: list[Place] | None) -> Place:
    if places is None or len(places) != 1:
        raise PatchFailed("the path must lead to exactly one element.")
    return places[0]


def _list(places: list[Place] | None) -> Place:
    lists = {(id(place.owner), place.key): place for place in places or ()}
    if len(lists) != 1 or (place := next(iter(lists.values()))).at is None:
        raise PatchFailed("the path must lead to one list that is there.")
    return place


def _inside(place: Place) -> tuple[Node, str]:
    if not place.element.inner or not place.node.is_object:
        raise PatchFailed("the path leads to a value that has no elements.")
    return place.node, place.element.inner


def _within(index: int, length: int) -> None:
    if index >= length:
        raise PatchFailed("the list has no such place.")


def _required(operation: Operation) -> Node:
    assert operation.value is not None
    return operation.value


def _add(owner: Node, type: str, operation: Operation) -> None:
    key, value = _target(type, operation.name, _required(operation))
    if not type_of(type).elements[key].many:
        if any(name in owner.members for name in paths.keys_of(type, operation.name)):
            raise PatchFailed("the element is there already. Replace it.")
        owner.put(key, value)
    elif key in owner.members:
        held = owner.members[key]
        held.insert(len(held.items), value)
        if f"_{key}" in owner.members:
            twin = owner.members[f"_{key}"]
            twin.insert(len(twin.items), Node(_NULL))
    else:
        owner.put(key, Node(f"[{value.text()}]"))


def _replace(place: Place, key: str, value: Node) -> None:
    # What was said about the old value (an extension of a primitive) is not true of the new one.
    if place.at is not None:
        place.owner.members[place.key].exchange(place.at, value)
        if (twin := _twin(place)) is not None:
            twin.exchange(place.at, Node(_NULL))
            _drop_if_empty(place.owner, f"_{place.key}")
        return
    if f"_{place.key}" in place.owner.members:
        place.owner.drop(f"_{place.key}")
    if key != place.key:
        place.owner.drop(place.key)
    place.owner.put(key, value)


def _delete(place: Place) -> None:
    twin = _twin(place)
    if place.at is None:
        place.owner.drop(place.key)
        if twin is not None:
            place.owner.drop(f"_{place.key}")
        return
    for held in (place.owner.members[place.key], twin):
        if held is not None:
            held.pop(place.at)
    for key in (place.key, f"_{place.key}"):
        _drop_if_empty(place.owner, key)


def _twin(place: Place) -> Node | None:
    """The extensions of a primitive, which JSON keeps under the same key with a line before it."""
    return place.owner.members.get(f"_{place.key}")


def _drop_if_empty(owner: Node, key: str) -> None:
    # FHIR has no empty arrays, nor arrays of nothing but null.
    if key in owner.members and all(one.text() == _NULL for one in owner.members[key].items):
        owner.drop(key)


def _target(type: str, name: str, part: Node) -> tuple[str, Node]:
    """The key under which a value comes into an object of this type, and the value."""
    held = [key for key in part.members if key != "name"]
    keys = paths.keys_of(type, name)
    if not keys:
        raise PatchFailed("the type has no element of this name.")
    if len(held) != 1 or not (held[0].startswith("value") or held[0] in ("part", "resource")):
        raise PatchFailed("a part has one value, one resource or parts.")
    key = keys[0] if keys == (name,) else f"{name}{held[0].removeprefix('value')}"
    if key not in keys:
        raise PatchFailed("the element can't have a value of this type.")
    element = type_of(type).elements[key]
    return key, _built(element, part) if held[0] == "part" else part.members[held[0]]


def _built(element: Element, node: Node) -> Node:
    """An object made from parts, each of which is one of its elements."""
    if not element.inner:
        raise PatchFailed("only an element of a complex type can be given by parts.")
    made = Node("{}")
    for name, part in _parts(node, place="value"):
        _add(made, element.inner, Operation(Op.ADD, "", name, value=part))
    return made
