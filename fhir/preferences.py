"""What a client prefers (the header Prefer), and what of it was honoured. https://hl7.org/fhir/R4/http.html#ops

RFC 7240: a preference that is not known or not honoured is passed over; `Preference-Applied` tells which ones were not.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

HEADER: Final = "Preference-Applied"

_PREFERENCE: Final = re.compile(r"\s*([A-Za-z][A-Za-z-]*)\s*(?:=\s*\"?([A-Za-z-]*)\"?\s*)?(?:;.*)?", re.DOTALL)
_Chosen = TypeVar("_Chosen", bound=Enum)


class Returning(Enum):
    """What comes back from a write."""

    MINIMAL = "minimal"
    REPRESENTATION = "representation"
    OUTCOME = "OperationOutcome"


class Handling(Enum):
    """What happens with what is not understood: refused, which is the default, or left out and told."""

    STRICT = "strict"
    LENIENT = "lenient"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What one client prefers for one answer; None is no preference."""

    returning: Returning | None = None
    handling: Handling = Handling.STRICT


_NONE: Final = Preferences()


def read(header: str | None) -> Preferences:
    """The preferences of a Prefer header; of several of one name the first counts."""
    if not header:
        return _NONE
    given: dict[str, str] = {}
    for part in header.split(","):
        if found := _PREFERENCE.fullmatch(part):
            given.setdefault(found[1].lower(), found[2] or "")
    handling = _chosen(Handling, given.get("handling"))
    return Preferences(_chosen(Returning, given.get("return")), handling or Handling.STRICT)


def applied(returning: Returning) -> dict[str, str]:
    """The header that says how the answer to a write came out."""
    return {HEADER: f"return={returning.value}"}


def _chosen(kind: type[_Chosen], text: str | None) -> _Chosen | None:
    return next((one for one in kind if text is not None and str(one.value).lower() == text.lower()), None)
