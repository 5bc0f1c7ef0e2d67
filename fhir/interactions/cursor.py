"""Cursors: where a page of a search ended and what was searched for, sealed, for the links of a Bundle.

A link of an answer never shows a searched value, so a search by POST leaves no name or birth date in any URL. A cursor
opens only for the caller it was made for.
"""

import base64
import binascii
import json
import os
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fhir.rows import Position
from infra.caller import Caller
from infra.columns import from_microseconds, to_microseconds
from infra.problems import BadRequest
from infra.vault import Vault

NONCE: Final = 12
Pairs = tuple[tuple[str, str], ...]


class BadCursor(BadRequest):
    """The _cursor of this link is not valid, or not for you. Search again from the first page."""

    issue = "value"


def sealed(vault: Vault, caller: Caller, type: str, *, pairs: Pairs, after: Position | None) -> str:
    """The cursor for a search and the position after which it goes on."""
    place = None if after is None else [to_microseconds(after.last_updated.astimezone(UTC)), after.rid]
    nonce = os.urandom(NONCE)
    body = _cipher(vault).encrypt(nonce, json.dumps([pairs, place]).encode(), _bound(caller, type))
    return base64.urlsafe_b64encode(nonce + body).rstrip(b"=").decode("ascii")


def opened(vault: Vault, caller: Caller, type: str, *, cursor: str) -> tuple[Pairs, Position | None]:
    """What was searched for and where to go on."""
    try:
        raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        pairs, place = json.loads(_cipher(vault).decrypt(raw[:NONCE], raw[NONCE:], _bound(caller, type)))
    except (InvalidTag, ValueError, binascii.Error):
        raise BadCursor from None
    moment: datetime | None = from_microseconds(place[0]) if place else None
    return tuple((name, value) for name, value in pairs), Position(moment, place[1]) if moment else None


def _cipher(vault: Vault) -> AESGCM:
    return AESGCM(vault.provider.secret("search-cursor"))


def _bound(caller: Caller, type: str) -> bytes:
    return json.dumps([caller.tenant, caller.subject, type]).encode()
