"""What a witness adds to a checkpoint: that it has seen the log in this state, at this time, and never another one.

Pure. The form is C2SP's cosignature/v1, which the tools for transparency logs read: https://c2sp.org/tlog-cosignature
"""

import base64
import struct
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from infra.checkpoints import KEY_ID, MARK, NAME, CheckpointBroken

COSIGNATURE: Final = b"\x04"
_STAMP: Final = struct.Struct(f">{KEY_ID}sQ64s")


class Witness(NamedTuple):
    """Who cosigns: a name, and the key that verifies."""

    name: str
    public: Ed25519PublicKey

    @property
    def id(self) -> bytes:
        """What a line says of the key."""
        raw = self.public.public_bytes_raw()
        return sha256(self.name.encode() + b"\n" + COSIGNATURE + raw).digest()[:KEY_ID]

    @property
    def text(self) -> str:
        """The public key as it is written down."""
        raw = COSIGNATURE + self.public.public_bytes_raw()
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(raw).decode()}"


class Cosigned(NamedTuple):
    """Which witness has seen the checkpoint, and when."""

    name: str
    at: datetime


def witness_of(text: str) -> Witness:
    """The witness of such a text; `CheckpointBroken` if it is none."""
    name, _, rest = text.partition("+")
    id, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
        found = Witness(name, Ed25519PublicKey.from_public_bytes(raw[1:]))
    except ValueError as error:
        raise CheckpointBroken from error
    if raw[:1] != COSIGNATURE or found.id.hex() != id or not NAME.fullmatch(name):
        raise CheckpointBroken
    return found


def cosigned(note: str, name: str, key: Ed25519PrivateKey, *, at: datetime) -> str:
    """The note with the line of this witness; who calls has looked whether it is the log's, and only grown."""
    if not NAME.fullmatch(name):
        raise CheckpointBroken
    witness, seconds = Witness(name, key.public_key()), int(at.timestamp())
    stamp = _STAMP.pack(witness.id, seconds, key.sign(_message(note, seconds)))
    return f"{note}{MARK}{name} {base64.b64encode(stamp).decode()}\n"


def cosigners(note: str, witnesses: Iterable[Witness]) -> list[Cosigned]:
    """Which of these witnesses have signed the note."""
    known = {(witness.name, witness.id): witness for witness in witnesses}
    found = []
    for line in note.rpartition("\n\n")[2].splitlines():
        name, _, encoded = line.removeprefix(MARK).partition(" ")
        try:
            id, seconds, signature = _STAMP.unpack(base64.b64decode(encoded, validate=True))
            witness = known[name, id]
            witness.public.verify(signature, _message(note, seconds))
            found.append(Cosigned(name, datetime.fromtimestamp(seconds, UTC)))
        except (ValueError, struct.error, KeyError, InvalidSignature, OverflowError, OSError):
            continue  # somebody else's line, or nobody's
    return found


def _message(note: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{note.rpartition(chr(10) * 2)[0]}\n".encode()
