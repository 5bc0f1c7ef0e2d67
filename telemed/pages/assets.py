"""Static files: our own few, served under a name that changes with their content, packed once at start-up.

One hash stands for all files, so that relative imports between modules stay valid and a page never mixes versions.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from fastapi import APIRouter, Request, Response

from infra.problems import NotFound

MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
FOLDERS: Final = {
    "pages": ("telemed.pages", "static"),
    "console": ("telemed.console", "static"),
    "signin": ("telemed.signin", "static"),
    "video": ("video", "web"),
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
    return found


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
    if "gzip" in request.headers.get("accept-encoding", "") and len(found.plain) >= SMALLEST_PACKED:
        return Response(found.packed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(found.plain, media_type=found.media_type, headers=headers)


def _asset(entry: Traversable, media_type: str) -> Asset:
    plain = entry.read_bytes()
    return Asset(media_type, plain, gzip.compress(plain, 9, mtime=0))
