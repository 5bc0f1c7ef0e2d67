"""What publication has to remember: which person stood in which block of which release, sealed.

It never leaves the data directory. Persons stand as keyed pseudonyms in one list, to which later cohorts only append; an
entry holds the number of the block for each number of a person, and no category. A person who withdraws stays in the
entries of releases that are out already, because later releases must still be met with them.
"""

import fcntl
import hmac
import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from anonymise.cohort import Unit
from anonymise.meet import ABSENT, Standing
from anonymise.placing import replace
from anonymise.problems import InputInvalid

NONCE: Final = 12
SECRET: Final = 32
PERSONS: Final = "persons.list"
FOLDER: Final = "ledger"
"""Beside the key file."""


class Secrets(Protocol):
    """Derives the same secret for the same purpose, every time."""

    def derive(self, purpose: str) -> bytes:
        """32 secret bytes."""
        ...


class SecretFile:
    """Secrets from a key file that is made on first use and readable by its owner only."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            if any((path.parent / FOLDER).glob("*.sealed")):
                raise InputInvalid(
                    f"{path} is gone, and the ledger beside it was sealed with it. Put it back from the backup of the data "
                    "directory: with another key nothing that is out can be met."
                )
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
    """One release in the ledger: what it is about and what it counts. Releases with the same `cohort` and period are about
    the same persons."""

    slug: str
    release: str
    start: datetime
    end: datetime
    cohort: str = "persons"
    unit: Unit = "person"

    @property
    def name(self) -> str:
        """How findings name the release."""
        return f"{self.slug} {self.release}"

    def overlaps(self, other: "Entry") -> bool:
        """Whether some moment belongs to the periods of both."""
        return other.start < self.end and self.start < other.end

    def same_cohort(self, other: "Entry") -> bool:
        """Whether both are about the same persons."""
        return (self.cohort, self.start, self.end) == (other.cohort, other.start, other.end)


class Ledger:
    """The sealed memory of all releases, one file each, and the list of persons that they number."""

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

    def standing(self, entry: Entry, members: pl.DataFrame) -> Standing:
        """Who stands in which block, by the ledger's numbers, from `person` (a pseudonym) and `block` (any names).

        Persons whom the ledger does not know yet get the numbers that they will have once it is written.
        """
        known = self._persons()
        numbered = members.join(known, on="person", how="left", maintain_order="left")
        new = numbered.filter(pl.col("number").is_null()).select("person").unique().sort("person")
        new = new.with_row_index("number", offset=known.height).cast({"number": pl.Int64})
        everybody = pl.concat([known, new.select(known.columns)])
        placed = members.select("person", pl.col("block").rank("dense").cast(pl.Int64)).join(everybody, on="person")
        blocks = np.zeros(everybody.height, dtype=np.int64)
        blocks[placed["number"].to_numpy()] = placed["block"].to_numpy()
        return Standing(entry.name, blocks)

    def write(self, entry: Entry, members: pl.DataFrame) -> None:
        """Keep the blocks of a release, durably, before the release becomes visible."""
        standing = self.standing(entry, members)
        known = self._persons()
        if len(standing.blocks) > known.height:
            new = members.join(known, on="person", how="anti").unique("person").sort("person")
            names = "\n".join([*known["person"], *new["person"]])
            self._put(self._folder / PERSONS, b"persons", names.encode())
        self._put(
            self._folder / f"{entry.slug}--{entry.release}.sealed",
            _header(entry),
            standing.blocks.astype("<u4").tobytes(),
        )

    def state(self, *, but: Collection[str]) -> str:
        """A digest of all entries except those of these names: what an audit was made against (SHA-256, hex)."""
        listed = ""
        for path in sorted(self._folder.glob("*.sealed")):
            content = path.read_bytes()
            if _named(path, content.partition(b"\n")[0]).name not in but:
                listed += f"{sha256(content).hexdigest()}  {path.name}\n"
        return sha256(listed.encode()).hexdigest()

    def counts(self, standing: Standing, person: str) -> bool:
        """Whether a person, by pseudonym, stands in some block of a release."""
        number = self._persons().filter(pl.col("person") == person)["number"].to_list()
        return bool(number) and number[0] < len(standing.blocks) and bool(standing.blocks[number[0]] != ABSENT)

    def entries(self) -> list[Entry]:
        """Every release that the ledger remembers."""
        return [_named(path, path.read_bytes().partition(b"\n")[0]) for path in sorted(self._folder.glob("*.sealed"))]

    def overlapping(self, entry: Entry) -> list[tuple[Entry, Standing]]:
        """Every other release whose period overlaps, with who stood in which block."""
        found = []
        for path in sorted(self._folder.glob("*.sealed")):
            header, body = self._get(path)
            other = _named(path, header)
            if (other.slug, other.release) != (entry.slug, entry.release) and entry.overlaps(other):
                blocks = np.frombuffer(self._opened(path, body, header), dtype="<u4").astype(np.int64)
                found.append((other, Standing(other.name, blocks)))
        return found

    def kept(self, entry: Entry, *, but: Collection[str]) -> pl.DataFrame | None:
        """The persons of a release about the same cohort and their blocks (`person`, `block`); None if there is none but
        those of these names."""
        same = [s for other, s in self.overlapping(entry) if other.same_cohort(entry) and other.name not in but]
        if not same:
            return None
        block = np.pad(same[0].blocks, (0, max(0, self._persons().height - len(same[0].blocks))))
        return (
            self._persons().with_columns(block=pl.Series(block)).filter(pl.col("block") != ABSENT)[["person", "block"]]
        )

    def _persons(self) -> pl.DataFrame:
        """The pseudonyms of all persons and their numbers."""
        path = self._folder / PERSONS
        names = ""
        if path.is_file():
            header, body = self._get(path)
            names = self._opened(path, body, header).decode()
        frame = pl.DataFrame({"person": names.split("\n") if names else []}, schema={"person": pl.String})
        return frame.with_row_index("number").select("person", pl.col("number").cast(pl.Int64))

    def _put(self, path: Path, header: bytes, content: bytes) -> None:
        replace(path, header + b"\n" + self.sealed(content, header=header))

    def sealed(self, content: bytes, *, header: bytes) -> bytes:
        """Some content, encrypted; it opens with the same header alone."""
        nonce = os.urandom(NONCE)
        return nonce + self._seal.encrypt(nonce, content, header)

    def _get(self, path: Path) -> tuple[bytes, bytes]:
        header, _, body = path.read_bytes().partition(b"\n")
        return header, body

    def _opened(self, path: Path, body: bytes, header: bytes) -> bytes:
        try:
            return self.opened(body, header=header)
        except InputInvalid as error:
            raise InputInvalid(_damaged(path)) from error

    def opened(self, body: bytes, *, header: bytes) -> bytes:
        """What was sealed with a header; raises if it was another, or another key's."""
        try:
            return self._seal.decrypt(body[:NONCE], body[NONCE:], header)
        except InvalidTag as error:
            raise InputInvalid("An entry of the ledger can't be opened with this key.") from error


def standing_digest(standing: Standing) -> str:
    """A digest of who stands in which block (SHA-256, hex)."""
    return sha256(standing.blocks.astype("<u4").tobytes()).hexdigest()


def _header(entry: Entry) -> bytes:
    fields = {"slug": entry.slug, "release": entry.release, "cohort": entry.cohort}
    fields |= {"start": entry.start.isoformat(), "end": entry.end.isoformat(), "unit": entry.unit}
    return json.dumps(fields, sort_keys=True).encode()


def _damaged(path: Path) -> str:
    return (
        f"{path.name} of the ledger can't be opened: it is damaged, or sealed with another key. Put back file and key from "
        "the backup of the data directory; without it no release can be met with what is out."
    )


def _named(path: Path, header: bytes) -> Entry:
    try:
        return _entry(header)
    except (ValueError, KeyError) as error:
        raise InputInvalid(_damaged(path)) from error


def _entry(header: bytes) -> Entry:
    fields = json.loads(header)
    start, end = (datetime.fromisoformat(fields[name]) for name in ("start", "end"))
    if "cohort" not in fields:
        raise InputInvalid("The ledger holds an entry of an earlier form, which names no cohort. Start with a new one.")
    # What was written before clinics could count for themselves counts persons.
    unit: Unit = fields.get("unit", "person")
    return Entry(fields["slug"], fields["release"], start, end, fields["cohort"], unit)
