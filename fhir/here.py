"""Where this record stands: an absolute reference below its own base means the same as the relative one.

One for a process, as everything that reads a reference has to know it: extraction, search values, compartments. What was
written under another base keeps that base's meaning until the index is rebuilt.
https://hl7.org/fhir/R4/references.html#literal, https://hl7.org/fhir/R4/search.html#reference
"""

import re
from typing import Final

_LITERAL: Final = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")


class _Here:
    __slots__ = ("base",)

    def __init__(self) -> None:
        self.base = ""


_HERE: Final = _Here()


def stand_at(base_url: str) -> None:
    """Nothing; from now on addresses below this base are this record's own. An empty one: none are."""
    _HERE.base = base_url and base_url.rstrip("/") + "/"


def base() -> str:
    """The address that this record stands at; empty if it was not told."""
    return _HERE.base.rstrip("/")


def relative(address: str) -> str:
    """The address without our own base; another one as it is."""
    base = _HERE.base
    return address[len(base) :] if base and address.startswith(base) else address


def named(reference: str | None) -> tuple[str, str] | None:
    """Type and id of the resource of this record that a reference names, in whichever form, of whichever version.

    None for what stands elsewhere, is contained, or is no address of a resource.
    """
    found = _LITERAL.fullmatch(relative(reference or ""))
    return (found[1], found[2]) if found else None
