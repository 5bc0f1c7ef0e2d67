"""Parts of a resource, cut out of its bytes: for `_summary` and `_elements`. What stays is as it was sent.

https://hl7.org/fhir/R4/search.html#summary
"""

import json
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fhir.search.query import Summary
from fhir.spans import Span, items, members

# What to keep by name: the members of it that stay, or None for all of it.
Tree = Mapping[str, Any]

# Tells whoever reads it, and whoever gets it back in an update, that something is missing.
TAG: Final = '{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}'
_ALWAYS: Final = ("resourceType", "id", "meta")


def subset(body: bytes, *, summary: Summary = Summary.RESOURCES, elements: Collection[str] = ()) -> bytes:
    """The resource with what was asked for and what must be there, marked in its meta; whole if nothing was asked."""
    if summary in (Summary.RESOURCES, Summary.COUNT) and not elements:
        return body
    text = body.decode()
    top = members(text)
    tree = _kept(json.loads(_at(text, top["resourceType"])), summary, elements=elements, present=top)
    parts = _parts(text, top, tree)
    # A reference into the resource itself must lead somewhere (ref-1).
    if "contained" in top and any('"#' in part for part in parts.values()):
        parts["contained"] = _at(text, top["contained"])
    parts["meta"] = _marked(parts.get("meta", "{}"))
    return _object(parts).encode()


def _kept(type: str, summary: Summary, *, elements: Collection[str], present: Collection[str]) -> Tree:
    table = _tables()[type]
    needed = (*_ALWAYS, *table["needed"])
    if elements:
        return dict.fromkeys((*needed, *elements))
    match summary:
        case Summary.TEXT:
            return dict.fromkeys((*needed, "text"))
        case Summary.DATA:
            return dict.fromkeys(name.removeprefix("_") for name in present if name != "text")
    tree: Tree = {"resourceType": None} | table["summary"]
    return tree


def _parts(text: str, found: Mapping[str, Span], tree: Tree) -> dict[str, str]:
    # `_birthDate` holds the extensions of `birthDate`.
    return {
        name: _part(text, span, tree[element])
        for name, span in found.items()
        if (element := name.removeprefix("_")) in tree
    }


def _part(text: str, span: Span, tree: Tree | None) -> str:
    if tree is None:
        return _at(text, span)
    if text[span.start] == "[":
        return "[" + ",".join(_part(text, item, tree) for item in items(text, at=span.start)) + "]"
    # What would be left empty is kept whole: there is no empty object in FHIR.
    parts = _parts(text, members(text, at=span.start), tree)
    return _object(parts) if parts else _at(text, span)


def _marked(meta: str) -> str:
    held = members(meta)
    parts = {name: _at(meta, span) for name, span in held.items()}
    tags = [_at(meta, span) for span in items(meta, at=held["tag"].start)] if "tag" in held else []
    if not any('"SUBSETTED"' in tag for tag in tags):
        parts["tag"] = "[" + ",".join([*tags, TAG]) + "]"
    return _object(parts)


def _object(parts: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{part}" for name, part in parts.items()) + "}"


def _at(text: str, span: Span) -> str:
    return text[span.start : span.end]


@cache
def _tables() -> dict[str, Any]:
    # Made by fhir.definitions.summary.
    tables: dict[str, Any] = json.loads((Path(__file__).parent / "definitions/summary.json").read_text())
    return tables
