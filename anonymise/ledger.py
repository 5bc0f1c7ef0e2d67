"""What publication has to remember: which person stood in which block of which release, sealed.

It never leaves the data directory. Persons stand as keyed pseudonyms. A person who withdraws stays in the entries of
releases that are out already, because later releases must still be met with them.
"""

import fcntl
import hmac
import io
import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anonymise.placing import replace
from anonymise.problems import InputInvalid
from anonymise.screen import Earlier

NONCE: Final = 12
SECRET: Final = 32


class Secrets(Protocol):
    """Derives the same secret for the same purpose, every time."""

    def derive(self, purpose: str) -> bytes:
        """32 secret bytes."""
        ...


class SecretFile:
    """Secrets from a key file that is made on first use and readable by its owner only."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(os.urandom(SECRET))
        self._secret = path.read_bytes()
        if len(self._secret) != SECRET:
            raise InputInvalid("The key file of the ledger is damaged.")

    def derive(self, purpose: str) -> bytes:
        """32 secret bytes."""
        return hmac.digest(self._secret, purpose.encode(), "sha256")


class TokenSource(Protocol):
    """The part of `infra.vault.Vault` that the ledger uses."""

    def token(self, parameter: str, *parts: str) -> bytes:
        """A keyed token."""
        ...


class VaultSecrets:
    """Secrets from the vault of the platform: no further key file."""

    def __init__(self, vault: TokenSource) -> None:
        self._vault = vault

    def derive(self, purpose: str) -> bytes:
        """32 secret bytes."""
        return sha256(b"".join(self._vault.token("statistics", purpose, part) for part in ("1", "2"))).digest()


def signing_key(secrets: Secrets) -> Ed25519PrivateKey:
    """The key that releases are signed with."""
    return Ed25519PrivateKey.from_private_bytes(secrets.derive("sign releases"))


def console_key(secrets: Secrets) -> Ed25519PrivateKey:
    """The key by which the console says that somebody signed in has approved."""
    return Ed25519PrivateKey.from_private_bytes(secrets.derive("approvals of the console"))


@dataclass(frozen=True, slots=True)
class Entry:
    """One release in the ledger: what it is about."""

    slug: str
    release: str
    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        """How findings name the release."""
        return f"{self.slug} {self.release}"


class Ledger:
    """The sealed memory of all releases, one file each."""

    def __init__(self, folder: Path, secrets: Secrets) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._person = secrets.derive("persons of the ledger")
        self._seal = AESGCM(secrets.derive("seal of the ledger"))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While it is held, nobody else publishes: two builders at once would not be met with each other."""
        with (self._folder / "lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def pseudonym(self, person: str) -> str:
        """The name under which a person stands in the ledger."""
        return hmac.digest(self._person, person.encode(), "sha256")[:16].hex()

    def write(self, entry: Entry, members: pl.DataFrame) -> None:
        """Keep the blocks and groups of a release, durably, before the release becomes visible."""
        header = _header(entry)
        path = self._folder / f"{entry.slug}--{entry.release}.sealed"
        replace(path, header + b"\n" + self.sealed(members, header=header))

    def sealed(self, members: pl.DataFrame, *, header: bytes) -> bytes:
        """Blocks and groups of persons, encrypted; they open with the same header alone."""
        buffer = io.BytesIO()
        members.select("person", "block", "group", "value").write_parquet(buffer)
        nonce = os.urandom(NONCE)
        return nonce + self._seal.encrypt(nonce, buffer.getvalue(), header)

    def state(self, *, but: Collection[str]) -> str:
        """A digest of all entries except those of these names: what an audit was made against (SHA-256, hex)."""
        listed = ""
        for path in sorted(self._folder.glob("*.sealed")):
            content = path.read_bytes()
            if _entry(content.partition(b"\n")[0]).name not in but:
                listed += f"{sha256(content).hexdigest()}  {path.name}\n"
        return sha256(listed.encode()).hexdigest()

    def overlapping(self, entry: Entry) -> Sequence[Earlier]:
        """The members of every other release whose period overlaps."""
        found = []
        for path in sorted(self._folder.glob("*.sealed")):
            header, _, body = path.read_bytes().partition(b"\n")
            other = _entry(header)
            if (other.slug, other.release) == (entry.slug, entry.release):
                continue
            if other.start < entry.end and entry.start < other.end:
                found.append(Earlier(other.name, self.opened(body, header=header)))
        return found

    def opened(self, body: bytes, *, header: bytes) -> pl.DataFrame:
        """What was sealed with a header; raises if it was another, or another key's."""
        try:
            return pl.read_parquet(io.BytesIO(self._seal.decrypt(body[:NONCE], body[NONCE:], header)))
        except InvalidTag as error:
            raise InputInvalid("An entry of the ledger can't be opened with this key.") from error


def members_digest(members: pl.DataFrame) -> str:
    """A digest of who stands in which block and group, whatever the order (SHA-256, hex)."""
    told = members.select("person", "block", "group", "value").sort("person")
    return sha256(told.write_csv().encode()).hexdigest()


def _header(entry: Entry) -> bytes:
    fields = {"slug": entry.slug, "release": entry.release}
    fields |= {"start": entry.start.isoformat(), "end": entry.end.isoformat()}
    return json.dumps(fields, sort_keys=True).encode()


def _entry(header: bytes) -> Entry:
    fields = json.loads(header)
    start, end = (datetime.fromisoformat(fields[name]) for name in ("start", "end"))
    return Entry(fields["slug"], fields["release"], start, end)
