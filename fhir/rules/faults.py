"""What a check finds wrong, and where: the way to it is put together outwards, so that what is right costs nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

MOST: Final = 100  # no more can be read, and no body may make the answer large


class Step(NamedTuple):
    """A member on the way to a fault: its key in JSON, and the element's name in FHIRPath."""

    key: str
    name: str


class Fault(NamedTuple):
    """One thing that is wrong: the way to it from the object that was checked, a sentence, and a FHIR IssueType."""

    way: tuple[Step | int, ...]
    text: str
    code: str = "structure"


class Scope:
    """The resource that is being checked, for what looks beyond its own object."""

    __slots__ = ("_contained", "root", "used")

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.used: set[str] = set()  # the local references that were met
        self._contained: Mapping[str, str] | None = None

    @property
    def contained(self) -> Mapping[str, str]:
        """The types of the contained resources by id; the id of the outer one is empty here."""
        if self._contained is None:
            held = self.root.get("contained")
            parts = [part for part in held if isinstance(part, dict)] if isinstance(held, list) else []
            outer = {"": str(self.root.get("resourceType"))}
            self._contained = outer | {str(part.get("id")): str(part.get("resourceType")) for part in parts}
        return self._contained


Faults = Sequence[Fault]
Check = Callable[[Any, Scope], Faults | None]


def one(text: str, code: str = "structure") -> tuple[Fault]:
    """A single fault of the value itself."""
    return (Fault((), text, code),)


def within(found: list[Fault] | None, step: Step | int, faults: Faults) -> list[Fault]:
    """What was found so far and these faults of a part, as far as there is room."""
    found = [] if found is None else found
    room = MOST - len(found)
    found += [fault._replace(way=(step, *fault.way)) for fault in faults[:room]]
    return found
