"""One answer of the portal: bytes with validator, compression and lifetime."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

SHORT: Final = "public, max-age=300"
FOREVER: Final = "public, max-age=31536000, immutable"
WORTH_PACKING: Final = 600
_PACKED_ALREADY: Final = ("application/vnd.apache.parquet", "application/octet-stream")

Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A status with content, before a request's conditions are looked at."""

    status: int
    body: bytes
    media_type: str
    cache: str = SHORT
    extra: Fields = ()
    packed: bytes = b""

    def for_request(self, headers: Mapping[bytes, str]) -> tuple[int, Fields, bytes]:
        """Status, header fields and body for a request: packed if it takes gzip, 304 if it has it already."""
        packed = bool(self.packed) and _takes_gzip(headers.get(b"accept-encoding", ""))
        body = self.packed if packed else self.body
        fields: Fields = ((b"cache-control", self.cache.encode()), *self.extra)
        if self.packed:
            fields += ((b"vary", b"Accept-Encoding, Accept"),)
        if self.status == 200:  # only a full answer has a validator
            # One validator per form: a client must not continue a packed download with plain bytes.
            tag = f'"{sha256(self.body).hexdigest()[:32]}{"-gz" if packed else ""}"'
            fields += ((b"etag", tag.encode()),)
            if tag in [part.strip().removeprefix("W/") for part in headers.get(b"if-none-match", "").split(",")]:
                return 304, fields, b""
        if packed:
            fields += ((b"content-encoding", b"gzip"),)
        fields += ((b"content-type", self.media_type.encode()), (b"content-length", str(len(body)).encode()))
        return self.status, fields, body


def answer(body: bytes, media_type: str, *, cache: str = SHORT, extra: Fields = (), status: int = 200) -> Answer:
    """An answer with its packed form, where packing pays."""
    pays = len(body) >= WORTH_PACKING and media_type not in _PACKED_ALREADY
    # mtime 0: the same content gives the same bytes on every server.
    return Answer(status, body, media_type, cache, extra, gzip.compress(body, mtime=0) if pays else b"")


def redirect(address: str) -> Answer:
    """A temporary redirect that may be kept for a short time."""
    return Answer(307, b"", "text/plain; charset=utf-8", extra=((b"location", address.encode()),))


def _takes_gzip(header: str) -> bool:
    for part in header.split(","):
        name, _, weight = part.partition(";")
        if name.strip().lower() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
