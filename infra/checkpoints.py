"""Signed checkpoints of a log: which log, how many leaves, which root, and an Ed25519 signature that anybody can verify.

Pure. The form is C2SP's, which the tools for transparency logs and their witnesses read: https://c2sp.org/tlog-checkpoint
and https://c2sp.org/signed-note
"""

import base64
import binascii
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from infra.merkle import HASH

ED25519: Final = b"\x01"
KEY_ID: Final = 4
MARK: Final = "— "
# A name ends at a blank, and a plus would end it in the text of a key.
NAME: Final = re.compile(r"[^\s+]+")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class CheckpointBroken(ValueError):  # noqa: N818  # named for what happened, like problems
    """This is no checkpoint, or nobody we know has signed it."""


class Checkpoint(NamedTuple):
    """The state of a log: its first `size` leaves have this root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{_in_base64(self.root)}\n"


def signed(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The checkpoint as a note that whoever has the log's public key can verify."""
    return f"{checkpoint.text}\n{signature_line(checkpoint.text, checkpoint.origin, key)}"


def signature_line(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """The line that signs a text in somebody's name."""
    if not NAME.fullmatch(name):
        raise CheckpointBroken
    return f"{MARK}{name} {_in_base64(key_id(name, key.public_key()) + key.sign(text.encode()))}\n"


def is_signed(note: str, name: str, key: Ed25519PublicKey) -> bool:
    """True if the note has a line by which the key signs all before it in this name."""
    text, separated, signatures = note.rpartition("\n\n")
    for line in signatures.split("\n") if separated else ():
        found, _, stamp = line.removeprefix(MARK).partition(" ")
        if line.startswith(MARK) and found == name:
            stamped = _from_base64(stamp)
            if stamped[:KEY_ID] == key_id(name, key) and _has_signed(key, stamped[KEY_ID:], f"{text}\n".encode()):
                return True
    return False


def opened(note: str, keys: Iterable[Ed25519PublicKey]) -> Checkpoint:
    """What the note says, if one of these keys has signed it; `CheckpointBroken` otherwise."""
    text, separated, signatures = note.rpartition("\n\n")
    checkpoint = _parsed(f"{text}\n")
    known = {key_id(checkpoint.origin, key): key for key in keys}
    if separated and signatures.endswith("\n"):
        for line in signatures[:-1].split("\n"):
            name, _, stamp = line.removeprefix(MARK).partition(" ")
            if not line.startswith(MARK) or not NAME.fullmatch(name):
                raise CheckpointBroken
            # Signatures of others, like a witness's, may stand beside the log's own.
            stamped = _from_base64(stamp)
            key = known.get(stamped[:KEY_ID]) if name == checkpoint.origin else None
            if key is not None and _has_signed(key, stamped[KEY_ID:], f"{text}\n".encode()):
                return checkpoint
    raise CheckpointBroken


def key_id(name: str, key: Ed25519PublicKey) -> bytes:
    """What a signature line says of the key: not enough to find one, enough to choose among several."""
    return sha256(name.encode() + b"\n" + ED25519 + key.public_bytes_raw()).digest()[:KEY_ID]


def key_text(name: str, key: Ed25519PublicKey) -> str:
    """The public key of a log in the form that C2SP's tools take."""
    return f"{name}+{key_id(name, key).hex()}+{_in_base64(ED25519 + key.public_bytes_raw())}"


def key_of(text: str) -> Ed25519PublicKey:
    """The public key in such a text; `CheckpointBroken` if it is none."""
    name, _, rest = text.partition("+")
    id, _, encoded = rest.partition("+")
    raw = _from_base64(encoded)
    if raw[:1] != ED25519 or len(raw) != 1 + HASH:
        raise CheckpointBroken
    key = Ed25519PublicKey.from_public_bytes(raw[1:])
    if key_id(name, key).hex() != id:
        raise CheckpointBroken
    return key


def _parsed(text: str) -> Checkpoint:
    origin, size, root, *extensions = text.removesuffix("\n").split("\n") + [""] * 2
    hashed = _from_base64(root)
    whole = NAME.fullmatch(origin) and _SIZE.fullmatch(size) and len(hashed) == HASH and all(extensions[:-2])
    if not whole:
        raise CheckpointBroken
    return Checkpoint(origin, int(size), hashed)


def _has_signed(key: Ed25519PublicKey, signature: bytes, text: bytes) -> bool:
    try:
        key.verify(signature, text)
    except InvalidSignature:
        return False
    return True


def _in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CheckpointBroken from error
