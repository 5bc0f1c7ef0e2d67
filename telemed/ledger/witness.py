"""A witness: another clinic that keeps what it has seen of a log, and cosigns a checkpoint only if the log has just grown.

Needs neither database nor keys of the platform: a folder with a key and the newest checkpoint of each log. So the
platform alone can't show two histories to two people. https://c2sp.org/tlog-witness describes the same over HTTP.
"""

import os
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec import DecodeError, json

from fhir.ledger.proof import Proof, ProofBroken, check
from infra.checkpoints import Checkpoint, CheckpointBroken, key_of, opened
from infra.cosignatures import Cosigned, Witness, cosigned, cosigners
from infra.problems import Conflict, Unprocessable

KEY: Final = "witness.pem"


class NothingToCosign(Unprocessable):
    """The file holds neither a checkpoint that this key has signed nor a proof with one."""


class OtherHistory(Conflict):
    """This is not the log that was seen before, grown. Do not cosign it; ask the platform which of the two is true."""


class NotShownToGrow(Conflict):
    """The log was smaller when it was seen last. Ask for a proof that begins there: `telemed audit prove ID --since SIZE`."""


class WitnessKeyUnusable(Unprocessable):
    """The witness's key can't be read, or others can read it. It belongs to its owner alone, mode 0600."""


def witness_key(folder: Path) -> Ed25519PrivateKey:
    """The key of the witness; made with its folder if there is none."""
    file = folder / KEY
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = Ed25519PrivateKey.generate()
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            target.write(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return made
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise WitnessKeyUnusable from error
    if file.stat().st_mode & 0o077 or not isinstance(key, Ed25519PrivateKey):
        raise WitnessKeyUnusable
    return key


def cosign(file: Path, *, key: str, folder: Path, name: str, now: datetime) -> str:
    """The checkpoint with the witness's line; the folder remembers it. `key` is the log's, as the witness knows it."""
    note, said, proof = _read(file, key)
    seen = folder / f"{sha256(said.origin.encode()).hexdigest()[:16]}.txt"
    if seen.exists():
        _require_growth(_opened(seen.read_text(encoding="utf-8"), key), said, proof)
    signed = cosigned(note, name, witness_key(folder), at=now)
    draft = seen.with_suffix(".draft")
    draft.write_text(signed, encoding="utf-8")
    draft.replace(seen)
    return signed


def witnessed(file: Path, *, key: str, witness: Witness) -> tuple[Checkpoint, list[Cosigned]]:
    """What the log has signed in the file, and whether this witness has seen it."""
    note, said, _ = _read(file, key)
    return said, cosigners(note, [witness])


def _require_growth(before: Checkpoint, said: Checkpoint, proof: Proof | None) -> None:
    if said.size == before.size and said.root == before.root:
        return
    if said.size <= before.size:
        raise OtherHistory
    if proof is None or proof.grown is None:
        raise NotShownToGrow
    # The proof was checked: the log begins with what this older checkpoint says.
    _, size, root, *_ = proof.grown.checkpoint.split("\n")
    _, size_before, root_before, *_ = before.text.split("\n")
    if size != size_before:
        raise NotShownToGrow
    if root != root_before:
        raise OtherHistory


def _read(file: Path, key: str) -> tuple[str, Checkpoint, Proof | None]:
    try:
        raw = file.read_bytes()
        if not raw.lstrip().startswith(b"{"):
            text = raw.decode()
            return text, _opened(text, key), None
        proof = json.decode(raw, type=Proof)
        return proof.checkpoint, check(proof, key=key), proof
    except (OSError, DecodeError, ProofBroken, UnicodeDecodeError) as error:
        raise NothingToCosign from error


def _opened(note: str, key: str) -> Checkpoint:
    try:
        return opened(note, [key_of(key)])
    except CheckpointBroken as error:
        raise NothingToCosign from error
