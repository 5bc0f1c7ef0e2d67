"""Which provider keeps the key-encryption keys of this installation."""

from infra.settings import Settings
from infra.vault.key_file import FileKeyProvider
from infra.vault.keys import KeyProvider, KeysUnusable


def key_provider(settings: Settings) -> KeyProvider:
    """The provider that TELEMED_KEY_PROVIDER names; a key file in production needs an explicit yes."""
    if settings.key_provider != "file":
        raise KeysUnusable("TELEMED_KEY_PROVIDER must be 'file'; others come later.")
    if not settings.is_demo and not settings.allow_file_keys:
        raise KeysUnusable(
            "A key file beside the database protects little. Set TELEMED_ALLOW_FILE_KEYS=1 to accept it."
        )
    return FileKeyProvider(settings.keys)
