"""SFrame (RFC 9605) with its header behind the frame: what the unit looks at, and what a participant seals and opens.

The unit only ever calls `key_id`: it has no keys. The layout stands in the manual, "SFrame in our frames".
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

EPOCHS: Final = 16
"""How many key ids a sender has: the epoch modulo this is added to the first one."""

LONGEST_HEADER: Final = 17
REPLAY_WINDOW: Final = 1024
KEY_FRAME_CLEAR: Final = 10
DELTA_FRAME_CLEAR: Final = 3


class FrameRefusedError(ValueError):
    """This frame was not sealed by whom it says, was seen before, or has no key here."""


class Suite(Enum):
    """RFC 9605 section 4.5: number, bytes of the AES key, of the HMAC key, and of the tag; sound, pictures, messages."""

    CTR_80 = 0x0001, 16, 32, 10
    GCM_128 = 0x0004, 16, 0, 16
    GCM_256 = 0x0005, 32, 0, 16

    @property
    def tag(self) -> int:
        """How many bytes the tag has."""
        return self.value[3]


def header(kid: int, ctr: int) -> bytes:
    """The SFrame header of a key id and a counter (RFC 9605 section 4.3), as short as it can be."""
    kid_bits, kid_bytes = _part(kid)
    ctr_bits, ctr_bytes = _part(ctr)
    return bytes([kid_bits << 4 | ctr_bits]) + kid_bytes + ctr_bytes


def read_header(data: bytes) -> tuple[int, int, int]:
    """Key id, counter and length of the header at the start of `data`; `FrameRefusedError` where there is none."""
    if not data:
        raise FrameRefusedError
    at, numbers = 1, []
    for bits in (data[0] >> 4, data[0] & 0x0F):
        size = (bits & 7) + 1 if bits & 8 else 0
        if at + size > len(data):
            raise FrameRefusedError
        numbers.append(int.from_bytes(data[at : at + size], "big") if size else bits & 7)
        at += size
    return numbers[0], numbers[1], at


def key_id(frame: bytes) -> int:
    """The key id that a frame of ours names at its end; -1 where there is no such trailer. Reads nothing else."""
    length = frame[-1] if frame else 0
    if not 3 <= length < len(frame):
        return -1
    config = frame[-1 - length]
    if config >> 4 != 9 or length != 3 + ((config & 7) + 1 if config & 8 else 0):
        return -1
    return frame[-length] << 8 | frame[1 - length]


def clear_of_vp8(frame: bytes) -> int:
    """How many bytes of a VP8 frame stay readable: its payload header (RFC 6386 section 9.1)."""
    return KEY_FRAME_CLEAR if frame and not frame[0] & 1 else DELTA_FRAME_CLEAR


@dataclass(frozen=True)
class Key:
    """What one sender seals with in one epoch, derived from a base key (RFC 9605 section 4.4.2)."""

    base: bytes
    kid: int
    suite: Suite

    @cached_property
    def _derived(self) -> tuple[bytes, bytes]:
        number, aes, mac, _ = self.suite.value
        about = self.kid.to_bytes(8, "big") + number.to_bytes(2, "big")
        digest = hashes.SHA512() if self.suite is Suite.GCM_256 else hashes.SHA256()
        secret = HKDF.extract(digest, b"", self.base)

        def expand(label: bytes, size: int) -> bytes:
            return HKDFExpand(digest, size, b"SFrame 1.0 Secret " + label + about).derive(secret)

        return expand(b"key ", aes + mac), expand(b"salt ", 12)

    def seal(self, plain: bytes, *, ctr: int, metadata: bytes) -> bytes:
        """Ciphertext and tag of `plain`."""
        key, nonce, aad = self._about(ctr, metadata)
        if self.suite is not Suite.CTR_80:
            return AESGCM(key).encrypt(nonce, plain, aad)
        sealed = _ctr(key[:16], nonce, plain)
        return sealed + self._tag(key[16:], nonce, aad=aad, sealed=sealed)

    def open(self, sealed: bytes, *, ctr: int, metadata: bytes) -> bytes:
        """What was sealed, or `FrameRefusedError`."""
        key, nonce, aad = self._about(ctr, metadata)
        if len(sealed) < self.suite.tag:
            raise FrameRefusedError
        if self.suite is not Suite.CTR_80:
            try:
                return AESGCM(key).decrypt(nonce, sealed, aad)
            except InvalidTag:
                raise FrameRefusedError from None
        body, tag = sealed[: -self.suite.tag], sealed[-self.suite.tag :]
        if not hmac.compare_digest(tag, self._tag(key[16:], nonce, aad=aad, sealed=body)):
            raise FrameRefusedError
        return _ctr(key[:16], nonce, body)

    def _about(self, ctr: int, metadata: bytes) -> tuple[bytes, bytes, bytes]:
        key, salt = self._derived
        nonce = (int.from_bytes(salt, "big") ^ ctr).to_bytes(12, "big")
        return key, nonce, header(self.kid, ctr) + metadata

    def _tag(self, key: bytes, nonce: bytes, *, aad: bytes, sealed: bytes) -> bytes:
        lengths = b"".join(n.to_bytes(8, "big") for n in (len(aad), len(sealed), self.suite.tag))
        return hmac.digest(key, lengths + nonce + aad + sealed, "sha256")[: self.suite.tag]


class Sealer:
    """One sender's frames of one epoch: one counter for all its streams, never used twice."""

    def __init__(self, base: bytes, kid: int) -> None:
        self._keys = _keys(base, kid)
        self._kid = kid
        self._next = 0

    def seal(self, frame: bytes, *, suite: Suite, clear: int = 0) -> bytes:
        """The frame as it may leave: clear bytes, ciphertext, tag, header, length of the header."""
        about, sealed = self.apart(frame[clear:], suite=suite, metadata=frame[:clear])
        return frame[:clear] + sealed + about + bytes([len(about)])

    def apart(self, plain: bytes, *, suite: Suite, metadata: bytes) -> tuple[bytes, bytes]:
        """Header, and ciphertext with tag, of what travels in another order than frames do."""
        ctr, self._next = self._next, self._next + 1
        return header(self._kid, ctr), self._keys[suite].seal(plain, ctr=ctr, metadata=metadata)


class Opener:
    """The frames of one sender: keys by key id, and a window in which no counter is taken twice."""

    def __init__(self, bases: Mapping[int, bytes]) -> None:
        self._keys = {kid: _keys(base, kid) for kid, base in bases.items()}
        self._seen: dict[int, tuple[int, set[int]]] = {}

    def learn(self, kid: int, base: bytes) -> None:
        """Open what this key seals, and what the one before it did, of which something may be on its way."""
        last = [one for one in self._keys if one != kid][-1:]
        self._keys = {one: self._keys[one] for one in last} | {kid: _keys(base, kid)}
        self._seen = {one: self._seen[one] for one in last if one in self._seen}

    def knows(self, kid: int) -> bool:
        """True if there is a key of this id."""
        return kid in self._keys

    def open(self, frame: bytes, *, suite: Suite, clear: int = 0) -> bytes:
        """The frame as it was before; `FrameRefusedError` where it was changed, replayed or sealed by nobody known."""
        length = frame[-1] if frame else 0
        if not 1 <= length <= LONGEST_HEADER or length + 1 + clear > len(frame):
            raise FrameRefusedError
        end = len(frame) - 1 - length
        return frame[:clear] + self.apart(frame[end:-1], frame[clear:end], suite=suite, metadata=frame[:clear])

    def apart(self, about: bytes, sealed: bytes, *, suite: Suite, metadata: bytes) -> bytes:
        """What was sealed under this header; `FrameRefusedError` as above."""
        kid, ctr, used = read_header(about)
        key = self._keys.get(kid, {}).get(suite)
        if used != len(about) or key is None or about != header(kid, ctr):
            raise FrameRefusedError
        plain = key.open(sealed, ctr=ctr, metadata=metadata)
        self._once(kid, ctr)
        return plain

    def _once(self, kid: int, ctr: int) -> None:
        newest, seen = self._seen.get(kid, (-1, set()))
        if ctr in seen or ctr <= newest - REPLAY_WINDOW:
            raise FrameRefusedError
        newest = max(newest, ctr)
        seen.add(ctr)
        if len(seen) > 2 * REPLAY_WINDOW:
            seen = {one for one in seen if one > newest - REPLAY_WINDOW}
        self._seen[kid] = newest, seen


def _keys(base: bytes, kid: int) -> dict[Suite, Key]:
    return {suite: Key(base, kid, suite) for suite in Suite}


def _part(number: int) -> tuple[int, bytes]:
    if number < 8:
        return number, b""
    size = (number.bit_length() + 7) // 8
    return 8 | size - 1, number.to_bytes(size, "big")


def _ctr(key: bytes, nonce: bytes, data: bytes) -> bytes:
    stream = Cipher(algorithms.AES(key), modes.CTR(nonce + bytes(4))).encryptor()
    return stream.update(data) + stream.finalize()
