"""The list of destroyed data keys: a file beside the keys, apart from the database, so that no backup brings a key back.

Each line names a scope whose data keys are destroyed, and carries a MAC under a secret of this installation: who can write
to the file or to the database can't make one. Lines are only ever added.
"""

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from infra.vault.keys import KeyProvider, KeysUnusable

PURPOSE: Final = "destroyed-keys"


class DestroyedScope(NamedTuple):
    """One line: whose data keys were destroyed, of whose patient, which they were, and when."""

    scope: str
    tenant: str
    keys: tuple[int, ...]
    at: datetime


class DestroyedList:
    """The list of destroyed data keys in a file; several processes may add to it."""

    def __init__(self, path: Path, provider: KeyProvider) -> None:
        self.path = path
        self._secret = provider.secret(PURPOSE)

    def is_there(self) -> bool:
        """True if there is a list, an empty one too: a first start makes it, so where there is none it was lost."""
        return self.path.exists()

    def make(self) -> None:
        """Nothing; there is a list, empty if there was none."""
        self.add(())

    def line(self, destroyed: DestroyedScope) -> bytes:
        """The line that tells of it, with its MAC."""
        content = {
            "at": destroyed.at.isoformat(),
            "keys": list(destroyed.keys),
            "scope": destroyed.scope,
            "tenant": destroyed.tenant,
        }
        return json.dumps(content | {"mac": self._mac(content)}, sort_keys=True).encode("ascii")

    def read(self, line: bytes) -> DestroyedScope:
        """What a line tells; `KeysUnusable` if it is not one that this installation wrote."""
        try:
            content: dict[str, Any] = json.loads(line)
            mac = str(content.pop("mac"))
            if hmac.compare_digest(mac, self._mac(content)):
                at = datetime.fromisoformat(content["at"])
                return DestroyedScope(content["scope"], content["tenant"], tuple(content["keys"]), at)
        except (ValueError, KeyError, TypeError, AttributeError):
            pass  # said below, like a wrong MAC
        raise KeysUnusable(
            "The list of destroyed keys was changed, or is of other keys. Put your copy of it in its place."
        )

    def proven(self, line: bytes) -> DestroyedScope | None:
        """What a line tells; None if it is not one that this installation wrote."""
        try:
            return self.read(line)
        except KeysUnusable:
            return None

    def lines(self) -> list[bytes]:
        """All lines, oldest first; one that was cut off while it was written does not count."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._out_of_reach() from error
        return content.split(b"\n")[:-1]

    def entries(self) -> list[DestroyedScope]:
        """What all lines tell."""
        return [self.read(line) for line in self.lines()]

    def add(self, lines: Sequence[bytes]) -> None:
        """Nothing; the lines stand in the list, on disk, each once."""
        for line in lines:
            self.read(line)
        try:
            self._append(lines)
        except OSError as error:
            raise self._out_of_reach() from error

    def _append(self, lines: Sequence[bytes]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            present = self.path.read_bytes()
            whole = present.rfind(b"\n") + 1
            os.ftruncate(descriptor, whole)  # who was killed in the middle of a line left a part of it
            known = set(present[:whole].split(b"\n"))
            new = b"".join(line + b"\n" for line in lines if line not in known)
            os.pwrite(descriptor, new, whole)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _out_of_reach(self) -> KeysUnusable:
        return KeysUnusable(
            f"The list of destroyed keys at {self.path} can't be read or written. Put that right first."
        )

    def _mac(self, content: dict[str, Any]) -> str:
        return hmac.new(self._secret, json.dumps(content, sort_keys=True).encode(), hashlib.sha256).hexdigest()
