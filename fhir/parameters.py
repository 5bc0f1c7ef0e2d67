"""The input and output of operations: Parameters resources. https://hl7.org/fhir/R4/parameters.html"""

from collections.abc import Collection, Iterator

from fhir import codec
from fhir.patches.tree import Node
from infra.problems import BadRequest


class BadParameters(BadRequest):
    """The body is not a Parameters resource with the parameters of this operation."""


def read(body: bytes, known: Collection[str]) -> dict[str, Node]:
    """The values of the parameters by name, as the bytes they came in; each of them may stand once."""
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


def _parts(body: bytes, known: Collection[str]) -> Iterator[tuple[str, Node]]:
    asked = codec.load(body)
    if not isinstance(asked, dict) or asked.get("resourceType") != "Parameters":
        raise BadParameters
    held = Node(body.decode().strip()).members.get("parameter")
    for part in held.items if held is not None and held.is_list else []:
        name = part.members["name"].value() if part.is_object and "name" in part.members else None
        values = [key for key in part.members if key != "name"] if part.is_object else []
        if not isinstance(name, str) or name not in known or len(values) != 1:
            raise _refused(known)
        yield name, part.members[values[0]]


def _refused(known: Collection[str]) -> BadParameters:
    if not known:
        return BadParameters("This operation takes no parameters.")
    return BadParameters(f"Parameters of this operation, each once and with one value: {', '.join(known)}.")


def returned(name: str, key: str, value: bytes) -> bytes:
    """The Parameters resource with one parameter, whose value is JSON already."""
    return b'{"resourceType":"Parameters","parameter":[{"name":"%b","%b":%b}]}' % (name.encode(), key.encode(), value)
