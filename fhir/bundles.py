"""Bundles put together from stored bytes: the resources in them are never parsed or written out again.

https://hl7.org/fhir/R4/bundle.html
"""

import json
from collections.abc import Callable, Iterable, Sequence
from json.encoder import encode_basestring
from typing import Any, Final, NamedTuple

from fhir import codec
from fhir.rows import Stored

# Made once: `json.dumps` makes a new one for every call with options, and a page of a search has two calls an entry.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _json(value: dict[str, Any]) -> bytes:
    return _ENCODER.encode(value).encode()


class Parts:
    """The small parts around a resource, written out once however many entries have them."""

    __slots__ = ("written",)

    def __init__(self, parts: dict[str, Any]) -> None:
        self.written = _json(parts)[1:-1]


NO_PARTS: Final = Parts({})


class Entry(NamedTuple):
    """One entry: its resource as bytes, if any, and the small parts around it."""

    resource: bytes = b""
    full_url: str = ""
    parts: Parts = NO_PARTS


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
    body = b",".join(map(_entry, entries))
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
    parts = Parts({"request": {"method": method, "url": url}, "response": answer})
    return Entry(part(stored.body) if stored.body else b"", f"{base_url}/{stored.reference}", parts)


def _entry(entry: Entry) -> bytes:
    resource, full_url, parts = entry
    if resource and full_url and parts.written:
        return b'{"fullUrl":%b,"resource":%b,%b}' % (encode_basestring(full_url).encode(), resource, parts.written)
    head = b'"fullUrl":' + encode_basestring(full_url).encode() if full_url else b""
    held = b'"resource":' + resource if resource else b""
    return b"{" + b",".join([part for part in (head, held, parts.written) if part]) + b"}"
