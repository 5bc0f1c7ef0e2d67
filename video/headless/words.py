"""The short authentication string and its commitments, letter for letter as `web/sas.js` makes them."""

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from video import WEB

COMMIT: Final = "telemed-commit-1"
SHORT: Final = "telemed-words-1"
_FINGERPRINT: Final = re.compile(r"^a=fingerprint:[^\r\n]*", re.IGNORECASE | re.MULTILINE)
_LIST: Final = re.compile(r"WORDS = `([^`]*)`")


@dataclass(frozen=True, slots=True)
class Words:
    """Four words and four digits, the same for all participants, or somebody sits in between."""

    words: tuple[str, ...]
    digits: str

    def __str__(self) -> str:
        return f"{' '.join(self.words)} {self.digits}"


def nonce() -> str:
    """Eighteen random bytes, base64url."""
    return secrets.token_urlsafe(18)


def written(data: bytes) -> str:
    """Bytes as base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read(text: str) -> bytes:
    """What `written` wrote; ValueError where it is none."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def fingerprints(sdp: str) -> str:
    """All fingerprints of a description, sorted: of every kind and level, so that none can hide behind another."""
    found = {" ".join(line.lower().split()) for line in _FINGERPRINT.findall(sdp)}
    return ",".join(sorted(found))


def commitment(value: str, prints: str) -> str:
    """What commits to a nonce and whatever goes with it."""
    return written(_digest(COMMIT, value, prints))


def short_string(room: str, sides: Iterable[tuple[str, str]]) -> Words:
    """The words of one call; `sides` are fingerprints and nonce of the two, or label and nonce of everybody in a group."""
    found = _digest(SHORT, room, *sorted(f"{prints}/{value}" for prints, value in sides))
    digits = int.from_bytes(found[4:7], "big") % 10_000
    return Words(tuple(_words()[one] for one in found[:4]), f"{digits:04}")


def _digest(*parts: str) -> bytes:
    # Lengths count as JavaScript counts them: in units of UTF-16.
    text = "|".join(f"{len(part.encode('utf-16-le')) // 2}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).digest()


def _words() -> list[str]:
    """The list of the pages: there is one of it."""
    found = _LIST.search((WEB / "sas.js").read_text())
    assert found is not None, "sas.js has its list of words"
    return found[1].split()
