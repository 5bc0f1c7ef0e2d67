"""Static files: our own few, without their remarks, served under a name that changes with their content, packed once at start-up.

One hash stands for all files, so that relative imports between modules stay valid and a page never mixes versions.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import msgspec
from fastapi import APIRouter, Request, Response

from infra.problems import NotFound
from telemed import headers as policies
from telemed.pages.languages import LANGUAGES, translate
from telemed.pages.texts import CALL_OF_VISIT

SCRIPT: Final = "text/javascript"
MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".js": SCRIPT,
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
FOLDERS: Final = {
    "pages": ("telemed.pages", "static"),
    "console": ("telemed.console", "static"),
    "signin": ("telemed.signin", "static"),
    "video": ("video", "web"),
}
# Whole lines of remarks stay here: on a slow line they cost what a sentence on the page costs.
REMARKS: Final = {
    "text/css": re.compile(r"/\*.*?\*/\n?", re.DOTALL),
    SCRIPT: re.compile(r"^[ \t]*//.*\n", re.MULTILINE),
}
SMALLEST_PACKED = 200
FOREVER = "public, max-age=31536000, immutable"

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Asset:
    """One static file, plain and packed."""

    media_type: str
    plain: bytes
    packed: bytes


@lru_cache
def assets() -> dict[str, Asset]:
    """All static files by `folder/name`."""
    found: dict[str, Asset] = {}
    for folder, (package, inside) in FOLDERS.items():
        for entry in sorted((files(package) / inside).iterdir(), key=lambda entry: entry.name):
            media_type = MEDIA_TYPES.get("." + entry.name.rpartition(".")[2])
            if media_type:
                found[f"{folder}/{entry.name}"] = _asset(entry, media_type)
    return found | {f"texts/call-{language}.json": _texts(language) for language in LANGUAGES}


@lru_cache
def version() -> str:
    """A short hash over all static files."""
    whole = hashlib.sha256()
    for name, asset in assets().items():
        whole.update(name.encode() + b"\0" + asset.plain + b"\0")
    return whole.hexdigest()[:12]


def asset_url(name: str) -> str:
    """The address of a static file."""
    if name not in assets():
        raise KeyError(name)
    return f"/assets/{version()}/{name}"


# May be called by anybody: nothing here depends on a person.
@router.get("/assets/{version_asked}/{folder}/{name}", include_in_schema=False)
async def asset(request: Request, version_asked: str, folder: str, name: str) -> Response:
    """A static file; an older version's address gets the newest file, uncached."""
    found = assets().get(f"{folder}/{name}")
    if found is None:
        raise NotFound
    headers = {
        "Cache-Control": FOREVER if version_asked == version() else "no-store",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if found.media_type == SCRIPT:
        headers["Content-Security-Policy"] = policies.SCRIPTS
    if "gzip" in request.headers.get("accept-encoding", "") and len(found.plain) >= SMALLEST_PACKED:
        return Response(found.packed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(found.plain, media_type=found.media_type, headers=headers)


def _asset(entry: Traversable, media_type: str) -> Asset:
    remarks = REMARKS.get(media_type)
    plain = remarks.sub("", entry.read_text("utf-8")).encode() if remarks else entry.read_bytes()
    return Asset(media_type, plain, gzip.compress(plain, 9, mtime=0))


def _texts(language: str) -> Asset:
    """The words of a call in a language, `%p` for the other side's name left in."""
    plain = msgspec.json.encode({key: translate(language, text) for key, text in CALL_OF_VISIT.items()})
    return Asset("application/json", plain, gzip.compress(plain, 9, mtime=0))
