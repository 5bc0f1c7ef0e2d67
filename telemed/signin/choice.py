"""Which identity provider an installation has: the house's own where one is set, else ours."""

from infra.clock import Clock
from infra.database import Database
from infra.settings import Settings
from infra.vault import Vault
from telemed.signin.ceremony import Party
from telemed.signin.external import ExternalProvider, House
from telemed.signin.passkeys import EmbeddedProvider
from telemed.signin.provider import IdentityProvider


def identity_provider(settings: Settings, database: Database, vault: Vault, *, clock: Clock) -> IdentityProvider:
    """The external provider that TELEMED_OIDC_ISSUER names, else the embedded one."""
    if settings.oidc_issuer:
        return ExternalProvider(database, vault, house=House.of(settings), clock=clock)
    return EmbeddedProvider(database, vault, party=Party.of(settings), clock=clock)
