"""SMART App Launch 2.2 scopes: `system/Observation.rs`, `user/*.cruds`, `patient/Observation.rs?category=laboratory`.

https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html - version 2 syntax only. A restriction by search
parameters is served where `bounds.py` can enforce it. One that it can't enforce is refused and opens nothing: ignoring
the restriction would open more than was asked for.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from fhir.models import SERVED
from telemed.access.bounds import EVERYTHING, Bound, restriction

LETTERS = "cruds"
LONGEST = 300
MOST = 40
# RFC 6749 3.3: a scope is printable ASCII without blanks, quotation mark and backslash.
_SCOPE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(c?r?u?d?s?)(?:\?([!#-\[\]-~]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope: who acts (`system`, `user`, `patient`), on which type (`*` is all), with which of the letters cruds.

    `query` is a search that a resource has to meet; empty where there is none.
    """

    context: str
    type: str
    letters: str
    query: str = ""

    def __str__(self) -> str:
        """The scope as it is written."""
        return f"{self.context}/{self.type}.{self.letters}{'?' if self.query else ''}{self.query}"

    def covers(self, type: str, letter: str) -> bool:
        """True if this scope allows the letter on the type, on some of its resources at least."""
        return letter in self.letters and self.type in ("*", type)

    @property
    def is_served(self) -> bool:
        """True if the type is one that this server has."""
        return self.type == "*" or self.type in SERVED


@lru_cache(maxsize=4096)
def parse(text: str) -> Scope | None:
    """The scope, or nothing if the text is not one that is served here."""
    match = _SCOPE.fullmatch(text) if len(text) <= LONGEST else None
    if match is None or not match[3]:
        return None
    query = match[4] or ""
    if "?" in text and restriction(match[2], query) is None:
        return None
    return Scope(match[1], match[2], match[3], query)


def bounds(scopes: Iterable[str], contexts: Iterable[str], *, type: str, letter: str) -> tuple[Bound, ...] | None:
    """What a resource has to meet, one of these at least; none where all are allowed, None where nothing is."""
    known = [scope for scope in map(parse, scopes) if scope is not None and scope.context in contexts]
    found = {Bound(scope.context == "patient", scope.query) for scope in known if scope.covers(type, letter)}
    if not found:
        return None
    return () if EVERYTHING in found else tuple(sorted(found))


def within(requested: Iterable[str], registered: Iterable[str]) -> bool:
    """True if every requested scope is served here and opens nothing that the registered ones do not open."""
    wide = [scope for scope in map(parse, registered) if scope is not None]
    return all(scope is not None and _inside(scope, wide) for scope in map(parse, requested))


def narrowed(requested: str, registered: Sequence[str]) -> list[str]:
    """What of a requested scope lies within the registered ones, as scopes; nothing if it is not served here."""
    scope = parse(requested)
    if scope is None:
        return []
    found: dict[str, None] = {}
    for other in map(parse, registered):
        if other is not None and other.context == scope.context and (met := _both(scope, other)) is not None:
            found[str(met)] = None
    # What another of them holds whole adds nothing.
    return [one for one in found if not any(one != other and within([one], [other]) for other in found)]


def _both(one: Scope, other: Scope) -> Scope | None:
    letters = "".join(letter for letter in LETTERS if letter in one.letters and letter in other.letters)
    type = other.type if one.type == "*" else one.type
    if not letters or other.type not in ("*", type):
        return None
    queries = dict.fromkeys(part for scope in (other, one) for part in scope.query.split("&") if part)
    return parse(str(Scope(one.context, type, letters, "&".join(queries))))


def _inside(scope: Scope, wide: list[Scope]) -> bool:
    return all(any(_holds(other, scope, letter) for other in wide) for letter in scope.letters)


def _holds(wide: Scope, scope: Scope, letter: str) -> bool:
    if wide.context != scope.context or not wide.covers(scope.type, letter):
        return False
    # Whoever must meet more conditions than these meets these.
    return set(filter(None, wide.query.split("&"))) <= set(scope.query.split("&"))
