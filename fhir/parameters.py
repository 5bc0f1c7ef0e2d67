"""The input and output of operations: Parameters resources. https://hl7.org/fhir/R4/parameters.html"""

from collections.abc import Collection
from typing import Any, Final

from fhir import codec
from fhir.codec import Parsed
from fhir.patches.tree import Node
from fhir.rules import validate
from infra.problems import BadRequest

TYPE: Final = "Parameters"
RESOURCE: Final = "resource"


class BadParameters(BadRequest):
    """The body is not a Parameters resource with the parameters of this operation."""


def read(body: bytes, known: Collection[str]) -> dict[str, Node]:
    """The values of the parameters by name, as the bytes they came in; each of them may stand once.

    All of them are valid but the parameter resource, which whoever asked for it looks at.
    """
    given: dict[str, Node] = {}
    for name, value in _parts(body, known):
        if name in given:
            raise _refused(known)
        given[name] = value
    return given


def texts(body: bytes, known: Collection[str], *, repeated: Collection[str] = ()) -> dict[str, str]:
    """The values as they would stand in an address; `repeated` may stand more than once. None for an empty body."""
    given: dict[str, str] = {}
    for name, value in _parts(body, known) if body else ():
        if name in given and name not in repeated:
            raise _refused(known)
        text = str(value.value())
        given[name] = f"{given[name]},{text}" if name in given else text
    return given


def _parts(body: bytes, known: Collection[str]) -> list[tuple[str, Node]]:
    asked = codec.load(body)
    if not isinstance(asked, dict) or asked.get("resourceType") != TYPE:
        raise BadParameters
    held = Node(body.decode().strip()).members.get("parameter")
    found: list[tuple[str, Node]] = []
    for part in held.items if held is not None and held.is_list else []:
        name = part.members["name"].value() if part.is_object and "name" in part.members else None
        values = [key for key in part.members if key != "name"] if part.is_object else []
        if not isinstance(name, str) or name not in known or len(values) != 1 or not _goes(values[0], name):
            raise _refused(known)
        found.append((name, part.members[values[0]]))
    validate(Parsed(TYPE, _without_resource(asked), body))
    return found


def _goes(key: str, name: str) -> bool:
    return key == RESOURCE if name == RESOURCE else key.startswith("value")


def _without_resource(asked: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(asked.get("parameter"), list):
        return asked
    parts = [{"name": RESOURCE, "valueBoolean": True} if RESOURCE in part else part for part in asked["parameter"]]
    return asked | {"parameter": parts}


def _refused(known: Collection[str]) -> BadParameters:
    if not known:
        return BadParameters("This operation takes no parameters.")
    return BadParameters(f"Parameters of this operation, each once and with one value: {', '.join(known)}.")


def returned(name: str, key: str, value: bytes) -> bytes:
    """The Parameters resource with one parameter, whose value is JSON already."""
    return b'{"resourceType":"Parameters","parameter":[{"name":"%b","%b":%b}]}' % (name.encode(), key.encode(), value)
