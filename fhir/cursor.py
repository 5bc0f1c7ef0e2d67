"""Cursors: where a page of a search ended and what was searched for, sealed, for the links of a Bundle.

A link of an answer never shows a searched value, so a search by POST leaves no name or birth date in any URL. A cursor
opens only for the caller it was made for.
"""

import base64
import binascii
import json
import os
from decimal import Decimal
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fhir.search.asking import Order, PageEnd
from fhir.search.parsing import parse
from fhir.search.query import Query
from infra.caller import Caller
from infra.columns import from_microseconds, to_microseconds
from infra.problems import BadRequest
from infra.vault import Vault

NAME: Final = "_cursor"
NONCE: Final = 12
Pairs = tuple[tuple[str, str], ...]


class BadCursor(BadRequest):
    """The _cursor of this link is not valid, or not for you. Search again from the first page."""

    issue = "value"


class CursorStandsAlone(BadRequest):
    """A link with _cursor takes no other parameters."""

    issue = "value"


def sealed(vault: Vault, caller: Caller, type: str, *, pairs: Pairs, after: PageEnd | None) -> str:
    """The cursor for a search and the place after which it goes on."""
    nonce = os.urandom(NONCE)
    body = json.dumps([pairs, None if after is None else _plain(after)]).encode()
    sealed = nonce + _cipher(vault).encrypt(nonce, body, _bound(caller, type))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def opened(vault: Vault, caller: Caller, type: str, *, cursor: str) -> tuple[Pairs, PageEnd | None]:
    """What was searched for and where to go on."""
    try:
        raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        pairs, end = json.loads(_cipher(vault).decrypt(raw[:NONCE], raw[NONCE:], _bound(caller, type)))
    except (InvalidTag, ValueError, binascii.Error):
        raise BadCursor from None
    return tuple((name, value) for name, value in pairs), None if end is None else _read(end)


def resumed(vault: Vault, caller: Caller, query: Query) -> tuple[Query, PageEnd | None]:
    """The query itself, or the one that its cursor goes on with and where."""
    if query.cursor is None:
        return query, None
    if query.pairs:
        raise CursorStandsAlone
    pairs, after = opened(vault, caller, query.type, cursor=query.cursor)
    return parse(query.type, pairs), after


def _plain(end: PageEnd) -> list[Any]:
    keys = [{"number": str(key)} if isinstance(key, Decimal) else key for key in end.keys]
    as_of = None if end.as_of is None else to_microseconds(end.as_of)
    return [end.order.value, keys, end.rid, as_of, end.total]


def _read(plain: list[Any]) -> PageEnd:
    order, keys, rid, as_of, total = plain
    values = tuple(Decimal(key["number"]) if isinstance(key, dict) else key for key in keys)
    return PageEnd(Order(order), values, rid, None if as_of is None else from_microseconds(as_of), total)


def _cipher(vault: Vault) -> AESGCM:
    return AESGCM(vault.provider.secret("search-cursor"))


def _bound(caller: Caller, type: str) -> bytes:
    return json.dumps([caller.tenant, caller.subject, type]).encode()
