"""A patch as a client sent it, of either kind, and what it makes of a resource."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhir import codec, links
from fhir.codec import Parsed
from fhir.patches import fhirpath_patch, json_patch
from fhir.patches.problems import Fixed
from fhir.patches.tree import Node
from fhir.rules import validate
from fhir.unresolved import refuse_criteria
from infra.problems import Problem, TooLarge, UnsupportedMediaType

JSON_PATCH: Final = "application/json-patch+json"
# http://hl7.org/fhir/R4/http.html#patch: a body of FHIR's own type is a FHIRPath Patch.
FHIR_JSON: Final = ("application/fhir+json", "application/json")
MEDIA_TYPES: Final = (JSON_PATCH, "application/fhir+json")

_FIXED: Final = (("resourceType",), ("id",), ("meta", "versionId"), ("meta", "lastUpdated"))


@dataclass(frozen=True, slots=True)
class Patch:
    """A change to a resource of a type, as it was sent and as it is applied; `check` refuses what it may not make."""

    media_type: str
    body: bytes
    type: str
    limit: int
    change: Callable[[Node], Node]
    check: Callable[[Parsed], None]

    def relinked(self, known: Mapping[str, str]) -> "Patch":
        """The patch with links in its new values exchanged, where they stand as in a resource."""
        changed = links.rewrite(self.body.decode(), known).encode()
        if changed == self.body:
            return self
        return read(self.media_type, changed, type=self.type, limit=self.limit, check=self.check)

    def applied(self, body: bytes) -> Parsed:
        """The resource after the change, valid; its untouched values have the bytes they had."""
        try:
            text = self.change(Node(body.decode().strip())).text()
        except RecursionError:
            raise codec.TooDeep from None
        if len(text) > self.limit:
            raise TooLarge("The patch makes the resource too large.")
        changed = codec.load(text.encode())
        # What the server says of a resource is not for a client to change, and without its type it is none.
        before = codec.load(body)
        if not isinstance(changed, dict) or any(_at(changed, path) != _at(before, path) for path in _FIXED):
            raise Fixed
        parsed = Parsed(self.type, changed, text.encode())
        self.check(parsed)
        refuse_criteria(parsed)
        return parsed


@dataclass(frozen=True, slots=True)
class Ahead:
    """A patch that was applied already, to what is probably still the present version, and what came of it."""

    patch: Patch
    before: bytes
    made: Parsed | Problem

    def relinked(self, known: Mapping[str, str]) -> "Patch | Ahead":
        """The patch with links in its new values exchanged; where there are some it is still to be applied."""
        changed = self.patch.relinked(known)
        return self if changed is self.patch else changed

    def applied(self, body: bytes) -> Parsed:
        """The resource after the change, valid; if somebody was quicker it is made anew."""
        if body != self.before:
            return self.patch.applied(body)
        if isinstance(self.made, Problem):
            raise self.made
        return self.made


def read(media_type: str, body: bytes, *, type: str, limit: int, check: Callable[[Parsed], None] = validate) -> Patch:
    """The patch in a body; 400 if it can't be read, 415 if it is of another kind."""
    if media_type == JSON_PATCH:
        operations = json_patch.read(body)
        return Patch(
            media_type,
            body,
            type,
            limit,
            lambda root: json_patch.applied(root, operations, type=type, limit=limit),
            check,
        )
    if media_type in FHIR_JSON:
        changes = fhirpath_patch.read(body)
        return Patch(
            media_type, body, type, limit, lambda root: fhirpath_patch.applied(root, changes, type=type), check
        )
    raise UnsupportedMediaType(f"Send a patch as {' or '.join(MEDIA_TYPES)}.")


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
