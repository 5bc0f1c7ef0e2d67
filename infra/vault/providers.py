"""Which provider keeps the key-encryption keys of this installation."""

from typing import Final
from urllib.parse import urlsplit

from infra.settings import Settings
from infra.vault.key_file import FileKeyProvider
from infra.vault.keys import KeyProvider, KeysUnusable

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def key_provider(settings: Settings) -> KeyProvider:
    """The provider that TELEMED_KEY_PROVIDER names; a key file in production needs an explicit yes."""
    if settings.key_provider == "vault":
        return _transit(settings)
    if settings.key_provider != "file":
        raise KeysUnusable("TELEMED_KEY_PROVIDER must be 'file' or 'vault'.")
    if not settings.is_demo and not settings.allow_file_keys:
        raise KeysUnusable(
            "A key file beside the database protects little. Set TELEMED_ALLOW_FILE_KEYS=1 to accept it."
        )
    if not settings.keys.exists():
        # Made by a first start alone (`telemed.startup`): new keys beside an old record would pass for its own.
        raise KeysUnusable(
            f"There is no key file at {settings.keys}. Put your copy there; where there is no record yet, the first start makes one."
        )
    return FileKeyProvider(settings.keys)


def _transit(settings: Settings) -> KeyProvider:
    from infra.vault.transit import TransitKeyProvider  # with requests, which only this provider needs

    address = urlsplit(settings.vault_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise KeysUnusable("TELEMED_VAULT_URL must be the address of the key server, like https://vault.example:8200.")
    if address.scheme == "http" and address.hostname not in LOOPBACK:
        raise KeysUnusable("TELEMED_VAULT_URL must begin with https://: data keys travel there.")
    if settings.vault_token_file is None:
        raise KeysUnusable("TELEMED_VAULT_TOKEN_FILE must name the file with the key server's token.")
    return TransitKeyProvider(
        settings.vault_url, token_file=settings.vault_token_file, mount=settings.vault_mount, key=settings.vault_key
    )
