"""Tickets: what the application gives an authenticated person so that a socket or the pre-call check opens.

A ticket binds room, participant and role, lives for a minute and opens one socket. It travels in a message, never in a
URL, so no server, proxy or history keeps it. What the application bound it to, it is asked about once more when the
ticket is used: an appointment may be cancelled within that minute.
"""

import base64
import hmac
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from infra.clock import Clock, SystemClock
from infra.problems import Unauthorized
from video.room import Role

LIFETIME: Final = timedelta(seconds=60)
LONGEST_LIFETIME: Final = timedelta(minutes=5)
SHORTEST_KEY: Final = 32
OPAQUE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
LONGEST_TEXT: Final = 1024


class TicketRefused(Unauthorized):
    """The ticket is missing, forged, expired, used or of another room."""


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """Who may come into which room, as whom, until when."""

    room: str
    participant: str
    role: Role
    expires: datetime
    nonce: str
    bound: str = ""


class Tickets:
    """Mints and checks tickets with one key; the key is the application's and at least 32 bytes."""

    def __init__(self, key: bytes, clock: Clock | None = None) -> None:
        if len(key) < SHORTEST_KEY:
            raise ValueError("a ticket key has at least 32 bytes")
        self._key = key
        self._clock = clock or SystemClock()

    def mint(self, room: str, participant: str, *, role: Role, ttl: timedelta = LIFETIME, bound: str = "") -> str:
        """A ticket for somebody whom the application has authenticated; `bound` means something to it alone."""
        if not OPAQUE.fullmatch(room) or not OPAQUE.fullmatch(participant):
            raise ValueError("room and participant are opaque ids")
        if not timedelta() < ttl <= LONGEST_LIFETIME:
            raise ValueError("a ticket lives for at most five minutes")
        ticket = Ticket(room, participant, role, self._clock.now() + ttl, secrets.token_urlsafe(12), bound)
        body = msgspec.json.encode(ticket)
        return f"{_text(body)}.{_text(self._mac(body))}"

    def check(self, text: str) -> Ticket:
        """What the ticket says, if it is ours and still valid."""
        body_text, _, mac_text = text[:LONGEST_TEXT].partition(".")
        try:
            body, mac = _bytes(body_text), _bytes(mac_text)
        except ValueError:
            raise TicketRefused from None
        if not hmac.compare_digest(mac, self._mac(body)):
            raise TicketRefused
        ticket = msgspec.json.decode(body, type=Ticket)
        if self._clock.now() >= ticket.expires.astimezone(UTC):
            raise TicketRefused
        return ticket

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, b"video-ticket-1\x00" + body, "sha256")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
