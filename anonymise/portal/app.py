"""The portal as an ASGI app: looks an address up among what is published and sends the bytes.

It reads the releases folder and nothing else. Files are found by exact name in a release's manifest, never by path, so
no address leads out of the folder. Links are built from the configured base address, never from the request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from anonymise.portal.answers import Answer, redirect
from anonymise.portal.shelf import Shelf

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NOTATIONS: Final = {"text/turtle": "ttl", "application/rdf+xml": "rdf", "application/ld+json": "jsonld"}
METHODS: Final = ("GET", "HEAD")
SECURITY: Final = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
            b"frame-ancestors 'none'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    # Open data: any page may read it, and there is nothing here that a cookie or a sign-in would open.
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"etag, link"),
)


def app(releases_dir: Path, *, base_url: str) -> App:
    """The portal over a releases folder, at a base address."""
    shelf = Shelf(releases_dir, base_url.rstrip("/"))

    async def portal(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["method"] not in METHODS:
            await _send(send, _other_method(scope["method"]), headers, with_body=True)
            return
        # Reading files and building the catalogue block, so they leave the event loop free.
        answer = await asyncio.to_thread(_answer, shelf, scope, headers.get(b"accept", ""))
        await _send(send, answer, headers, with_body=scope["method"] == "GET")

    return portal


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _other_method(method: str) -> Answer:
    allow = ((b"allow", b"GET, HEAD, OPTIONS"), (b"access-control-allow-methods", b"GET, HEAD"))
    return Answer(204 if method == "OPTIONS" else 405, b"", "text/plain; charset=utf-8", extra=allow)


def _answer(shelf: Shelf, scope: Scope, accept: str) -> Answer:
    """What an address leads to."""
    shelf.refresh()
    query = parse_qs(scope["query_string"].decode("latin-1"))
    language = "en" if query.get("lang") == ["en"] else "de"
    match scope["path"].split("/")[1:]:
        case ["livez"]:
            return Answer(200, b"ok\n", "text/plain; charset=utf-8", cache="no-store")
        case ["" | "catalog"]:
            notation = _preferred(accept)
            return shelf.page("catalog", language) if notation is None else shelf.catalogue(notation)
        case [("catalog.ttl" | "catalog.rdf" | "catalog.jsonld") as name]:
            return shelf.catalogue(name.removeprefix("catalog."))
        case ["register"]:
            return shelf.page("register", language)
        case ["feed.atom"]:
            return shelf.feed()
        case [("style.css" | "signing-key.pem") as name]:
            return shelf.file_at_root(name) or shelf.not_found(language)
        case ["datasets", slug]:
            return shelf.dataset(slug, language) or shelf.not_found(language)
        case ["datasets", slug, "latest"] | ["datasets", slug, "latest", ""]:
            return shelf.latest(slug, language) or shelf.not_found(language)
        case ["datasets", slug, release, *rest] if gone := shelf.withdrawn(slug, release, "".join(rest[:1]), language):
            return gone
        case ["datasets", slug, release]:
            known = shelf.knows(slug, release)
            return redirect(f"{shelf.prefix}/datasets/{slug}/{release}/") if known else shelf.not_found(language)
        case ["datasets", slug, release, name]:
            return shelf.file(slug, release, name or "index.html") or shelf.not_found(language)
        case _:
            return shelf.not_found(language)


def _preferred(accept: str) -> str | None:
    """The notation of the catalogue that a client asks for by type; None for the page."""
    wanted = [part.split(";")[0].strip() for part in accept.split(",")]
    if "text/html" in wanted:
        return None
    return next((NOTATIONS[kind] for kind in wanted if kind in NOTATIONS), None)


async def _send(send: Send, answer: Answer, headers: Mapping[bytes, str], *, with_body: bool) -> None:
    status, fields, body = answer.for_request(headers)
    listed: Iterable[tuple[bytes, bytes]] = (*fields, *SECURITY)
    await send({"type": "http.response.start", "status": status, "headers": list(listed)})
    await send({"type": "http.response.body", "body": body if with_body else b""})
