"""Key-encryption keys in one JSON file with mode 0600, shared by all processes that can read it.

A change replaces the file as a whole, and every process looks before each wrap whether it was replaced: a new version is
used for new wraps at once. Versions are only ever added, as old backups need old ones. A file that lacks or changes what a
process knows is not the next state of its keys: what it would wrap could not be opened once the right file is back.
"""

import base64
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from infra.durable import sync
from infra.vault.keys import KEY, NONCE, KeysUnusable, Wrap

log = structlog.get_logger()

FOREIGN: Final = "The key file is not the one that this process began with. Put your copy of that one in its place."


class _Keys(NamedTuple):
    """The content of the file as it was when `mark` was taken of it."""

    mark: tuple[int, int, int]
    current: int
    bare: dict[int, bytes]
    ciphers: dict[int, AESGCM]
    root: bytes

    def continues(self, earlier: "_Keys") -> bool:
        """True if these are the same keys, or the same and newer ones."""
        return self.root == earlier.root and earlier.bare.items() <= self.bare.items()


class FileKeyProvider:
    """Keys in one JSON file with mode 0600, made on first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            _create(path)
        self._keys = _read(path)

    @property
    def place(self) -> str:
        """Where the key-encryption keys are, in words for an operator."""
        return f"the file {self._path.resolve()}"

    @property
    def current(self) -> int:
        """The version of the key-encryption key that new wraps use."""
        return self._fresh().current

    def wrap(self, key: bytes, *, context: bytes) -> Wrap:
        """The data key, wrapped under the current version and bound to the context."""
        return _wrapped(self._fresh(), key, context)

    def unwrap(self, wrapped: bytes, *, version: int, context: bytes) -> bytes:
        """The data key again; `KeysUnusable` if version, context or bytes do not fit."""
        # Another process may have added the version since the file was read here.
        keys = self._keys if version in self._keys.ciphers else self._fresh()
        return _unwrapped(keys, Wrap(version, wrapped), context)

    def rewrap(self, wraps: Sequence[Wrap], *, contexts: Sequence[bytes]) -> list[Wrap]:
        """The same data keys under the current version, each bound to its context."""
        keys = self._fresh()
        pairs = zip(wraps, contexts, strict=True)
        return [_wrapped(keys, _unwrapped(keys, wrap, context), context) for wrap, context in pairs]

    def rotate(self) -> int:
        """The new version of the key-encryption key; what older ones wrapped still unwraps."""
        try:
            with _alone(self._path):
                if not _read(self._path).continues(self._keys):
                    raise KeysUnusable(FOREIGN)
                content = json.loads(self._path.read_text(encoding="ascii"))
                version = max(map(int, content["keys"])) + 1
                keys = content["keys"] | {str(version): _random()}
                os.replace(_written(self._path, content | {"current": version, "keys": keys}), self._path)
                sync(self._path.parent)
        except OSError as error:
            raise KeysUnusable("The key file can't be replaced by this account. Nothing was changed.") from error
        return self._fresh().current

    def secret(self, purpose: str) -> bytes:
        """32 bytes that belong to this installation and this purpose alone (HKDF, RFC 5869)."""
        return HKDF(SHA256(), KEY, salt=None, info=purpose.encode()).derive(self._keys.root)

    def _fresh(self) -> _Keys:
        try:
            if _mark(self._path) != self._keys.mark:
                found = _read(self._path)
                if not found.continues(self._keys):
                    log.error("key_file_not_ours")
                    found = self._keys._replace(mark=found.mark)
                self._keys = found
        except FileNotFoundError:
            pass  # what was read still serves; the next start says that the file is gone
        return self._keys


def _wrapped(keys: _Keys, key: bytes, context: bytes) -> Wrap:
    nonce = os.urandom(NONCE)
    return Wrap(keys.current, nonce + keys.ciphers[keys.current].encrypt(nonce, key, context))


def _unwrapped(keys: _Keys, wrap: Wrap, context: bytes) -> bytes:
    if wrap.version not in keys.ciphers:
        raise KeysUnusable
    try:
        return keys.ciphers[wrap.version].decrypt(wrap.wrapped[:NONCE], wrap.wrapped[NONCE:], context)
    except InvalidTag as error:
        raise KeysUnusable from error


def _read(path: Path) -> _Keys:
    mark = _mark(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeysUnusable("The key file is readable by others. Set its mode to 0600, then start again.")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
        bare = {int(version): base64.b64decode(key) for version, key in content["keys"].items()}
        ciphers = {version: AESGCM(key) for version, key in bare.items()}
        return _Keys(mark, int(content["current"]), bare, ciphers, base64.b64decode(content["root"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise KeysUnusable("The key file is damaged. Put your copy of it in its place.") from error


def _mark(path: Path) -> tuple[int, int, int]:
    """What changes when the file is replaced."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """A stretch in which no other process changes the file: two rotations at once give two versions."""
    descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _written(path, {"current": 1, "keys": {"1": _random()}, "root": _random()})
    try:
        os.link(temporary, path)  # never replaces keys that another process has just made
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    sync(path.parent)


def _written(path: Path, content: dict[str, Any]) -> Path:
    """A file beside the key file with this content, on disk."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _random() -> str:
    return base64.b64encode(secrets.token_bytes(KEY)).decode("ascii")
