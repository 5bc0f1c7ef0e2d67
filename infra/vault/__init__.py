"""Keys, sealing and blind tokens: everything that keeps the record unreadable at rest.

Key-encryption key (versioned, from a `KeyProvider`) -> wraps -> data key (per patient compartment, or per tenant) ->
AES-256-GCM -> one version of one resource. DESIGN 4 and infra/README.md say what this protects and what it does not.
"""

from infra.vault.keys import FileKeyProvider, KeyProvider, key_provider
from infra.vault.models import DataKey
from infra.vault.sealing import Binding, SealBroken, Sealed, Vault, WrappedKey

__all__ = [
    "Binding",
    "DataKey",
    "FileKeyProvider",
    "KeyProvider",
    "SealBroken",
    "Sealed",
    "Vault",
    "WrappedKey",
    "key_provider",
]
