"""Where the key-encryption keys live: today a key file; Vault transit and PKCS#11 fit the same protocol."""

import base64
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.problems import Unavailable
from infra.settings import Settings

NONCE = 12
KEY = 32


class KeysUnusable(Unavailable):
    """The keys can't be read or do not fit this database."""


class KeyProvider(Protocol):
    """Wraps and unwraps data keys; derives secrets for other purposes."""

    @property
    def current(self) -> int:
        """The version of the key-encryption key that new wraps use."""
        ...

    def wrap(self, key: bytes, *, context: bytes) -> bytes:
        """The data key, wrapped under the current version and bound to the context."""
        ...

    def unwrap(self, wrapped: bytes, *, version: int, context: bytes) -> bytes:
        """The data key again; `KeysUnusable` if version, context or bytes do not fit."""
        ...

    def secret(self, purpose: str) -> bytes:
        """32 bytes that belong to this installation and this purpose alone."""
        ...


class FileKeyProvider:
    """Keys in one JSON file with mode 0600, made on first use."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            _create(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise KeysUnusable("The key file is readable by others. Set its mode to 0600, then start again.")
        content = json.loads(path.read_text(encoding="ascii"))
        self._current = int(content["current"])
        self._keys = {int(version): AESGCM(base64.b64decode(key)) for version, key in content["keys"].items()}
        self._root = base64.b64decode(content["root"])

    @property
    def current(self) -> int:
        """The version of the key-encryption key that new wraps use."""
        return self._current

    def wrap(self, key: bytes, *, context: bytes) -> bytes:
        """The data key, wrapped under the current version and bound to the context."""
        nonce = os.urandom(NONCE)
        return nonce + self._keys[self._current].encrypt(nonce, key, context)

    def unwrap(self, wrapped: bytes, *, version: int, context: bytes) -> bytes:
        """The data key again; `KeysUnusable` if version, context or bytes do not fit."""
        if version not in self._keys:
            raise KeysUnusable
        try:
            return self._keys[version].decrypt(wrapped[:NONCE], wrapped[NONCE:], context)
        except InvalidTag as error:
            raise KeysUnusable from error

    def secret(self, purpose: str) -> bytes:
        """32 bytes that belong to this installation and this purpose alone (HKDF, RFC 5869)."""
        return HKDF(SHA256(), KEY, salt=None, info=purpose.encode()).derive(self._root)


def key_provider(settings: Settings) -> KeyProvider:
    """The provider that TELEMED_KEY_PROVIDER names; a key file in production needs an explicit yes."""
    if settings.key_provider != "file":
        raise KeysUnusable("TELEMED_KEY_PROVIDER must be 'file'; others come later.")
    if not settings.is_demo and not settings.allow_file_keys:
        raise KeysUnusable(
            "A key file beside the database protects little. Set TELEMED_ALLOW_FILE_KEYS=1 to accept it."
        )
    return FileKeyProvider(settings.keys)


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"current": 1, "keys": {"1": _random()}, "root": _random()}
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)  # never replaces keys that another process has just made
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _random() -> str:
    return base64.b64encode(secrets.token_bytes(KEY)).decode("ascii")
