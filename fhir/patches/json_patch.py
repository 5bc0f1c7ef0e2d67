"""JSON Patch: application/json-patch+json. https://www.rfc-editor.org/rfc/rfc6902, pointers of RFC 6901."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from fhir import codec
from fhir.patches.problems import BadPatch, PatchFailed, TestFailed
from fhir.patches.tree import Node, same
from infra.problems import Issue, TooLarge

MOST_OPERATIONS: Final = 1000

_INDEX: Final = re.compile(r"0|[1-9]\d{0,8}")
_BAD_ESCAPE: Final = re.compile(r"~(?![01])")
_NAME: Final = re.compile(r"_?[A-Za-z][A-Za-z0-9]{0,63}")

Pointer = tuple[str, ...]


class Op(Enum):
    """The operations of RFC 6902."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"
    MOVE = "move"
    COPY = "copy"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `source` is the `from` of a move or copy; `value` the JSON text as it was sent."""

    op: Op
    path: Pointer
    source: Pointer = ()
    value: str = ""


def read(body: bytes) -> tuple[Operation, ...]:
    """The operations of a patch; 400 if it is none."""
    asked = codec.load(body)
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise BadPatch("A JSON Patch is an array of objects with op and path.")
    if len(asked) > MOST_OPERATIONS:
        raise BadPatch(f"A patch has at most {MOST_OPERATIONS} operations.")
    nodes = Node(body.decode().strip()).items
    return tuple(_operation(index, one, node) for index, (one, node) in enumerate(zip(asked, nodes, strict=True)))


def applied(root: Node, operations: Sequence[Operation], *, type: str, limit: int) -> Node:
    """The document after all operations, one after the other; `PatchFailed` names the first that can't be."""
    handled = 0
    for index, operation in enumerate(operations):
        try:
            root, size = _applied(root, operation)
        except PatchFailed as failed:
            place = _shown(type, operation.path)
            text = f"Operation {index} ({operation.op.value}): {failed.text}"
            raise failed.__class__(text, issues=[Issue(failed.issue, text, (place,))]) from None
        handled += size
        # Copies of copies grow twice as large each time, and a test reads all that it compares.
        if handled > limit:
            raise TooLarge("The patch makes the resource too large.")
    return root


def _operation(index: int, asked: dict[str, Any], node: Node) -> Operation:
    try:
        op = Op(asked.get("op"))
    except ValueError:
        raise BadPatch(f"Operation {index}: op must be add, remove, replace, move, copy or test.") from None
    needs_value, needs_source = op in (Op.ADD, Op.REPLACE, Op.TEST), op in (Op.MOVE, Op.COPY)
    if needs_value and "value" not in asked:
        raise BadPatch(f"Operation {index}: {op.value} needs a value.")
    return Operation(
        op,
        _pointer(index, "path", asked.get("path")),
        source=_pointer(index, "from", asked.get("from")) if needs_source else (),
        value=node.members["value"].text() if needs_value else "",
    )


def _pointer(index: int, name: str, text: Any) -> Pointer:
    if not isinstance(text, str) or (text and not text.startswith("/")) or _BAD_ESCAPE.search(text):
        raise BadPatch(f"Operation {index}: {name} must be a JSON Pointer, like /name/0/family.")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def _applied(root: Node, operation: Operation) -> tuple[Node, int]:
    match operation.op:
        case Op.ADD:
            return _add(root, operation.path, Node(operation.value)), len(operation.value)
        case Op.REMOVE:
            _remove(root, operation.path)
        case Op.REPLACE:
            return _replace(root, operation.path, Node(operation.value)), len(operation.value)
        case Op.TEST:
            held = _found(root, operation.path)
            if not same(held.value(), Node(operation.value).value()):
                raise TestFailed
            return root, len(held.text())
        case Op.COPY:
            text = _found(root, operation.source).text()
            return _add(root, operation.path, Node(text)), len(text)
        case Op.MOVE:
            return _move(root, operation), 0
    return root, 0


def _move(root: Node, operation: Operation) -> Node:
    source, path = operation.source, operation.path
    if path[: len(source)] == source and path != source:
        raise PatchFailed("a value can't be moved into itself.")
    if path == source:
        _found(root, source)
        return root
    return _add(root, path, _remove(root, source))


def _found(root: Node, path: Pointer) -> Node:
    node = root
    for part in path:
        if node.is_object and part in node.members:
            node = node.members[part]
        elif node.is_list:
            node = node.items[_index(part, most=len(node.items) - 1)]
        else:
            raise PatchFailed("there is nothing at this place.")
    return node


def _add(root: Node, path: Pointer, value: Node) -> Node:
    if not path:
        return value
    owner, last = _found(root, path[:-1]), path[-1]
    if owner.is_object:
        owner.put(last, value)
    elif owner.is_list:
        length = len(owner.items)
        owner.insert(length if last == "-" else _index(last, most=length), value)
    else:
        raise PatchFailed("what is there has no members and no items.")
    return root


def _replace(root: Node, path: Pointer, value: Node) -> Node:
    if not path:
        return value
    _found(root, path)
    owner, last = _found(root, path[:-1]), path[-1]
    if owner.is_object:
        owner.put(last, value)
    else:
        owner.exchange(int(last), value)
    return root


def _remove(root: Node, path: Pointer) -> Node:
    if not path:
        raise PatchFailed("the whole resource can't be removed by a patch. Delete it.")
    held = _found(root, path)
    owner, last = _found(root, path[:-1]), path[-1]
    if owner.is_object:
        owner.drop(last)
    else:
        owner.pop(int(last))
    return held


def _index(part: str, *, most: int) -> int:
    if not _INDEX.fullmatch(part) or int(part) > most:
        raise PatchFailed("the array has no such place.")
    return int(part)


def _shown(type: str, path: Pointer) -> str:
    # A key can be anything a client typed; only what looks like an element's name is repeated.
    parts = (f"[{part}]" if _INDEX.fullmatch(part) else f".{part}" if _NAME.fullmatch(part) else "" for part in path)
    return type + "".join(parts)
