"""Whether a Reference points to a type that R4 allows in its place, and a local one to something that is contained."""

import re
from collections.abc import Mapping
from typing import Any

_LITERAL = re.compile(r"(?:https?://\S+/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_UNTYPED = re.compile(r"(https?://|urn:)\S+")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?\S+")


def problem(node: dict[str, Any], targets: frozenset[str], *, contained: Mapping[str, str]) -> str | None:
    """What to change about a Reference; None if it is as R4 wants it. `contained` holds types by id, "" the outer one."""
    allowed = f"Refer to one of these types: {', '.join(sorted(targets))}."
    named = node.get("type")
    if targets and isinstance(named, str) and named not in targets:
        return allowed
    text = node.get("reference")
    if not isinstance(text, str):
        return None
    if text.startswith("#"):
        found = contained.get(text[1:])
        if found is None:
            return "Add the contained resource that this local reference names, or refer to another resource."
    elif literal := _LITERAL.fullmatch(text) or _CONDITIONAL.fullmatch(text):
        found = literal[1]
    elif _UNTYPED.fullmatch(text):
        return None
    else:
        return "Send a reference as Type/id, an absolute address or # and the id of a contained resource."
    if targets and found not in targets:
        return allowed
    return None
