"""SMART App Launch 2.2 scopes: `system/Observation.rs`, `user/*.cruds`.

https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html - version 2 syntax only. Restrictions by search
parameter (`?category=...`) are not served, so a scope that carries one is refused and opens nothing: ignoring the
restriction would open more than was asked for.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

LETTERS = "cruds"
_SCOPE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(c?r?u?d?s?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope: who acts (`system`, `user`, `patient`), on which type (`*` is all), with which of the letters cruds."""

    context: str
    type: str
    letters: str

    def covers(self, type: str, letter: str) -> bool:
        """True if this scope allows the letter on the type."""
        return letter in self.letters and self.type in ("*", type)


@lru_cache(maxsize=4096)
def parse(text: str) -> Scope | None:
    """The scope, or nothing if the text is not one that is served here."""
    match = _SCOPE.fullmatch(text)
    if match is None or not match[3]:
        return None
    return Scope(match[1], match[2], match[3])


def allows(scopes: Iterable[str], context: str, *, type: str, letter: str) -> bool:
    """True if one of the scopes is of this context and covers the letter on the type."""
    return any(
        scope.context == context and scope.covers(type, letter) for scope in map(parse, scopes) if scope is not None
    )


def within(requested: Iterable[str], registered: Iterable[str]) -> bool:
    """True if every requested scope is served here and opens nothing that the registered ones do not open."""
    wide = [scope for scope in map(parse, registered) if scope is not None]
    return all(scope is not None and _inside(scope, wide) for scope in map(parse, requested))


def _inside(scope: Scope, wide: list[Scope]) -> bool:
    return all(
        any(other.context == scope.context and other.covers(scope.type, letter) for other in wide)
        for letter in scope.letters
    )
