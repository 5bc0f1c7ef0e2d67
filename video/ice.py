"""ICE servers: ours alone, or none. Neither a browser nor aiortc may ever fall back to somebody else's."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from infra.clock import Clock, SystemClock

if TYPE_CHECKING:
    from aiortc import RTCIceServer

CREDENTIAL_LIFETIME: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Ice:
    """Our STUN and TURN servers and the secret shared with coturn; empty where host candidates are enough."""

    stun: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()
    secret: str = ""
    clock: Clock = field(default_factory=SystemClock)

    def for_browser(self) -> list[dict[str, object]]:
        """The value of `RTCConfiguration.iceServers` for one participant, with fresh TURN credentials."""
        servers: list[dict[str, object]] = [{"urls": list(self.stun)}] if self.stun else []
        if self.turn:
            username, credential = self._credentials()
            servers.append({"urls": list(self.turn), "username": username, "credential": credential})
        return servers

    def for_aiortc(self) -> "list[RTCIceServer]":
        """The same for aiortc; an empty list, never None, because None makes aiortc use its public default."""
        from aiortc import RTCIceServer  # with the first pre-call check, not with the start

        servers = [RTCIceServer(list(self.stun))] if self.stun else []
        if self.turn:
            username, credential = self._credentials()
            servers.append(RTCIceServer(list(self.turn), username=username, credential=credential))
        return servers

    def _credentials(self) -> tuple[str, str]:
        expires = int((self.clock.now() + CREDENTIAL_LIFETIME).timestamp())
        return turn_credentials(self.secret, f"{expires}:{secrets.token_hex(8)}")


def turn_credentials(secret: str, username: str) -> tuple[str, str]:
    """User name and password as coturn's `use-auth-secret` expects them: HMAC-SHA1 over "expiry:random"."""
    mac = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(mac).decode()


def ice_from(addresses: Sequence[str], secret: str) -> Ice:
    """The servers of a list of `stun:`, `turn:` and `turns:` addresses; anything else is refused."""
    for address in addresses:
        if not address.startswith(("stun:", "stuns:", "turn:", "turns:")):
            raise ValueError("An ICE server's address begins with stun:, stuns:, turn: or turns:.")
    turn = tuple(one for one in addresses if one.startswith("turn"))
    if turn and not secret:
        raise ValueError("A TURN server needs TELEMED_ICE_SECRET, the secret it shares with us.")
    return Ice(tuple(one for one in addresses if one.startswith("stun")), turn, secret)
