"""Bundles put together from stored bytes: the resources in them are never parsed or written out again.

https://hl7.org/fhir/R4/bundle.html
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fhir import codec
from fhir.rows import Stored

# Made once: `json.dumps` makes a new one for every call with options, and a page of a search has two calls an entry.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its resource as bytes, if any, and the small parts around it."""

    resource: bytes = b""
    full_url: str = ""
    parts: dict[str, Any] = field(default_factory=dict)


def bundle(
    type: str, entries: Iterable[Entry], *, total: int | None = None, links: Sequence[tuple[str, str]] = ()
) -> bytes:
    """A Bundle of a type, with its links and entries in this order."""
    head: dict[str, Any] = {"resourceType": "Bundle", "type": type}
    if total is not None:
        head["total"] = total
    if links:
        head["link"] = [{"relation": relation, "url": url} for relation, url in links]
    opening = _json(head)[:-1]
    body = b",".join(_entry(entry) for entry in entries)
    return opening + b',"entry":[' + body + b"]}" if body else opening + b"}"


def version(stored: Stored, base_url: str, *, part: Callable[[bytes], bytes]) -> Entry:
    """An entry of a history: what was done, and the version it left, or the part of it that was asked for."""
    if stored.deleted:
        method, url, status = "DELETE", stored.reference, "204 No Content"
    elif stored.version == 1:
        method, url, status = "POST", stored.type, "201 Created"
    else:
        method, url, status = "PUT", stored.reference, "200 OK"
    answer = {"status": status, "etag": stored.etag, "lastModified": codec.instant(stored.last_updated)}
    parts = {"request": {"method": method, "url": url}, "response": answer}
    return Entry(part(stored.body) if stored.body else b"", f"{base_url}/{stored.reference}", parts)


def _entry(entry: Entry) -> bytes:
    head = _json({"fullUrl": entry.full_url})[1:-1] if entry.full_url else b""
    resource = b'"resource":' + entry.resource if entry.resource else b""
    parts = _json(entry.parts)[1:-1] if entry.parts else b""
    return b"{" + b",".join(part for part in (head, resource, parts) if part) + b"}"


def _json(value: dict[str, Any]) -> bytes:
    return _ENCODER.encode(value).encode()
