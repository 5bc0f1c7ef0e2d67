"""The constraints on contained resources. https://hl7.org/fhir/R4/references.html#contained"""

from collections.abc import Iterator
from typing import Any, Final

from fhir.rules.faults import Fault, Scope, Step

Node = dict[str, Any]
_STEP: Final = (Step("contained", "contained"),)
_NESTED: Final = Fault(_STEP, "Contain this resource in the outer one: no nesting (dom-2).", "invariant")
_UNUSED: Final = Fault(
    _STEP, "Refer to each contained resource from outside it, or from it to the outer one as # (dom-3).", "invariant"
)
_VERSIONED: Final = Fault(_STEP, "Remove versionId and lastUpdated from the contained resources (dom-4).", "invariant")
_LABELLED: Final = Fault(_STEP, "Remove the security labels from the contained resources (dom-5).", "invariant")


def faults_of(node: Node, scope: Scope) -> list[Fault]:
    """What is wrong with what a resource contains, after its references were looked at."""
    held = node["contained"]
    parts = [part for part in held if isinstance(part, dict)] if isinstance(held, list) else []
    if node is not scope.root:
        return [_NESTED]
    metas = [meta for part in parts if isinstance(meta := part.get("meta"), dict)]
    found = []
    if any(_link(part) not in scope.used for part in parts) and _unused(node, parts):
        found.append(_UNUSED)
    if any("versionId" in meta or "lastUpdated" in meta for meta in metas):
        found.append(_VERSIONED)
    if any("security" in meta for meta in metas):
        found.append(_LABELLED)
    return found


def _unused(node: Node, parts: list[Node]) -> bool:
    # A canonical or uri may name it too, so all texts are looked at; few resources come to this.
    named = {text for text in _texts(node) if text.startswith("#")}
    return any(_link(part) not in named and "#" not in set(_texts(part)) for part in parts)


def _link(part: Node) -> str:
    return f"#{part.get('id')}"


def _texts(node: Any) -> Iterator[str]:
    waiting = [node]
    while waiting:
        held = waiting.pop()
        if isinstance(held, str):
            yield held
        elif isinstance(held, dict | list):
            waiting.extend(held.values() if isinstance(held, dict) else held)
