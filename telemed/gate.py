"""How often anybody may ask: by address before anything is read, by client once it is known who asks.

Nobody can use up what is another's: an address counts for itself alone, and a client counts only by a token or a session
that holds, never by a name that a request claims. Limits on failures stand where failures are known
(telemed.identity.failures, telemed.visits.limits).
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog
from starlette.types import Scope

from infra.caller import Caller, Role
from infra.rates import Counter, Peers, Permits, Rate, network_of, networks_from, rate
from infra.settings import Settings
from infra.vault import KeyProvider

log = structlog.get_logger()

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Asked by balancers, or files that never change; a limit would only take the service away from those who use it.
FREE: Final = frozenset({"livez", "readyz", "assets"})


class Kind(StrEnum):
    """What is limited by itself. The values are the settings' names after TELEMED_RATE_."""

    FHIR = "fhir"
    TOKEN = "token"
    CODE = "code"
    SIGN_IN = "sign_in"
    PAGES = "pages"
    SYSTEM = "system"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Gate:
    """The limits of one process."""

    permits: Permits
    peers: Peers
    rates: dict[Kind, Rate]

    def admit(self, scope: Scope) -> Awaitable[None] | None:
        """None where the request may pass, else what to wait for; `TooManyRequests` where it must not.

        Also puts the client's address, as a trusted proxy tells it, in the place of the proxy's.
        """
        client = scope.get("client")
        address = self.peers.address_of(scope)
        if client is not None and client[0] != address:
            scope["client"] = (address, 0)
        kind = kind_of(scope.get("method", "GET"), scope["path"])
        if kind is None:
            return None
        key = (kind.value, network_of(address))
        if self.permits.spend(key):
            return None
        self.peers.note_proxy(scope)
        return self.permits.take(key, self.rates[kind])

    async def admit_caller(self, caller: Caller) -> None:
        """Nothing; `TooManyRequests` if this client or person asks too often."""
        kind = Kind.SYSTEM if caller.role is Role.SYSTEM else Kind.PERSON
        key = (kind.value, caller.subject)
        if not self.permits.spend(key):
            await self.permits.take(key, self.rates[kind])


def kind_of(method: str, path: str) -> Kind | None:
    """What the request counts as for its address; None where nobody counts."""
    if path.startswith("/fhir"):
        return Kind.FHIR
    room = path.split("/", 2)[1] if path.startswith("/") else ""
    if room in FREE:
        return None
    if room == "oauth":
        return Kind.TOKEN
    if "/sign-in" in path:
        return Kind.SIGN_IN
    # Where a code, a birth date or a PIN is entered; looking at the empty page tries nothing.
    if room in ("j", "my") and method not in READING:
        return Kind.CODE
    return Kind.PAGES


def rates_of(settings: Settings) -> dict[Kind, Rate]:
    """The rates that the operator set; ValueError with the variable's name where one is none."""
    found = {}
    for kind in Kind:
        name = f"rate_{kind.value}"
        try:
            found[kind] = rate(getattr(settings, name))
        except ValueError as error:
            raise ValueError(f"TELEMED_{name.upper()}: {error}") from None
    return found


def gate_from(settings: Settings, counter: Counter, provider: KeyProvider) -> Gate:
    """The limits of a process with these settings."""
    permits = Permits(counter, secret=provider.secret("rates"))
    return Gate(permits, Peers(networks_from(settings.trusted_proxies)), rates_of(settings))
