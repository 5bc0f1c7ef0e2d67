"""One question: is this a valid R4 resource? All that is wrong is told at once."""

from collections.abc import Iterator
from typing import Final

from fhir import models
from fhir.codec import Parsed
from fhir.rules import library
from fhir.rules.elements import faults_of
from fhir.rules.faults import MOST, Fault, Step
from fhir.rules.places import Places
from infra.problems import Issue, Place, Unprocessable

# With one of these the library is not asked: it may fail on shapes that it does not expect, and find no end of them.
_SHAPE: Final = "structure"


class Invalid(Unprocessable):
    """The resource is not valid. The issues say what to change."""


def prepare() -> None:
    """Nothing; afterwards no type makes its first request wait. For a thread beside the start."""
    for type in models.SERVED:
        library.prepare(type)


def validate(parsed: Parsed) -> None:
    """Nothing if the resource is valid; otherwise `Invalid` with every issue and where it stands."""
    if found := _found(parsed):
        places = Places(parsed.raw)
        raise Invalid(issues=[_issue(parsed.type, fault, places.of(_keys(fault))) for fault in found])


def validate_part(parsed: Parsed, *, most: int = MOST) -> None:
    """The same for a resource that was sent within a Bundle: so many issues at most, without lines and columns."""
    if found := _found(parsed):
        raise Invalid(issues=[_issue(parsed.type, fault, None) for fault in found[:most]])


def _found(parsed: Parsed) -> list[Fault]:
    found = list(faults_of(parsed.type, parsed.data))
    if not found or not any(fault.code == _SHAPE for fault in found):
        found += _complaints(parsed, known={_keys(fault) for fault in found})
    return found[:MOST]


def _complaints(parsed: Parsed, known: set[tuple[int | str, ...]]) -> Iterator[Fault]:
    for complaint in library.complaints(parsed.type, parsed.data):
        if complaint.way not in known:  # told already, and better
            way = tuple(step if isinstance(step, int) else Step(step, step.removeprefix("_")) for step in complaint.way)
            yield Fault(way, f"Change this element: R4 does not allow it so ({complaint.kind}).")


def _keys(fault: Fault) -> tuple[int | str, ...]:
    return tuple(step if isinstance(step, int) else step.key for step in fault.way)


def _issue(type: str, fault: Fault, place: Place | None) -> Issue:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step.name}" for step in fault.way]
    return Issue(fault.code, fault.text, (type + "".join(steps),), place=place)
