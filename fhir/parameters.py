"""The input and output of operations: Parameters resources. https://hl7.org/fhir/R4/parameters.html"""

from collections.abc import Collection

from fhir import codec
from fhir.patches.tree import Node
from infra.problems import BadRequest


class BadParameters(BadRequest):
    """The body is not a Parameters resource with the parameters of this operation."""


def read(body: bytes, known: Collection[str]) -> dict[str, Node]:
    """The values of the parameters by name, as the bytes they came in; each of them may stand once."""
    asked = codec.load(body)
    if not isinstance(asked, dict) or asked.get("resourceType") != "Parameters":
        raise BadParameters
    held = Node(body.decode().strip()).members.get("parameter")
    given: dict[str, Node] = {}
    for part in held.items if held is not None and held.is_list else []:
        name = part.members["name"].value() if part.is_object and "name" in part.members else None
        values = [key for key in part.members if key != "name"] if part.is_object else []
        if not isinstance(name, str) or name not in known or name in given or len(values) != 1:
            raise BadParameters(f"Parameters of this operation, each once and with one value: {', '.join(known)}.")
        given[name] = part.members[values[0]]
    return given


def returned(name: str, key: str, value: bytes) -> bytes:
    """The Parameters resource with one parameter, whose value is JSON already."""
    return b'{"resourceType":"Parameters","parameter":[{"name":"%b","%b":%b}]}' % (name.encode(), key.encode(), value)
