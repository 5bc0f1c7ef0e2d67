"""What keeps the key-encryption keys: the protocol that all providers have (`infra.vault.providers` makes one)."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from infra.problems import Unavailable

NONCE: Final = 12
KEY: Final = 32


class KeysUnusable(Unavailable):
    """The keys can't be read or do not fit this database."""


class Wrap(NamedTuple):
    """A data key, wrapped, and the version of the key-encryption key that it is wrapped by."""

    version: int
    wrapped: bytes


class KeyProvider(Protocol):
    """Wraps and unwraps data keys; derives secrets for other purposes."""

    @property
    def place(self) -> str:
        """Where the key-encryption keys are, in words for an operator; no secret."""
        ...

    @property
    def current(self) -> int:
        """The version of the key-encryption key that new wraps use."""
        ...

    def wrap(self, key: bytes, *, context: bytes) -> Wrap:
        """The data key, wrapped under the current version and bound to the context."""
        ...

    def unwrap(self, wrapped: bytes, *, version: int, context: bytes) -> bytes:
        """The data key again; `KeysUnusable` if version, context or bytes do not fit."""
        ...

    def rewrap(self, wraps: Sequence[Wrap], *, contexts: Sequence[bytes]) -> list[Wrap]:
        """The same data keys under the current version, each bound to its context."""
        ...

    def rotate(self) -> int:
        """The new version of the key-encryption key; what older ones wrapped still unwraps."""
        ...

    def secret(self, purpose: str) -> bytes:
        """32 bytes that belong to this installation and this purpose alone; the same whatever is rotated."""
        ...
