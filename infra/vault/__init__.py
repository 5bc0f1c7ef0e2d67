"""Keys, sealing and blind tokens: everything that keeps the record unreadable at rest.

Key-encryption key (versioned, from a `KeyProvider`) -> wraps -> data key (per patient compartment, or per tenant) ->
AES-256-GCM -> one version of one resource. DESIGN 4 and infra/README.md say what this protects and what it does not.
"""

from infra.vault.key_file import FileKeyProvider
from infra.vault.keys import KeyProvider, KeysUnusable, Wrap
from infra.vault.models import DataKey, KeyChange, KeyEvent
from infra.vault.providers import key_provider
from infra.vault.sealing import Binding, Destroyed, SealBroken, Sealed, Vault, WrappedKey

__all__ = [
    "Binding",
    "DataKey",
    "Destroyed",
    "FileKeyProvider",
    "KeyChange",
    "KeyEvent",
    "KeyProvider",
    "KeysUnusable",
    "SealBroken",
    "Sealed",
    "Vault",
    "Wrap",
    "WrappedKey",
    "key_provider",
]
