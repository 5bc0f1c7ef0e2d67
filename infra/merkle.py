"""Hash trees after RFC 6962: one root stands for a whole list, and short proofs show what is in it and that it only grew.

Pure: nothing here knows what a leaf says or where hashes lie. https://www.rfc-editor.org/rfc/rfc6962#section-2.1
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

HASH: Final = 32
EMPTY: Final = sha256(b"").digest()

# The hash over the leaves from `start` to before `end`; it is only asked for what is a subtree.
HashOf = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf. It begins with another byte than a node's, so that no node can be shown as a leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two subtrees."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class Frontier:
    """All that a growing tree needs to remember: the hashes of its complete subtrees, the largest first."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> list[bytes]:
        """The hashes of all complete subtrees that end with this new leaf, by their height, its own first."""
        closed, at = [leaf], self.size
        while at & 1:
            closed.append(node_hash(self.peaks.pop(), closed[-1]))
            at >>= 1
        self.peaks.append(closed[-1])
        self.size += 1
        return closed

    def root(self) -> bytes:
        """The hash over all leaves so far."""
        if not self.peaks:
            return EMPTY
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def split(count: int) -> int:
    """How many of the leaves of a subtree are on its left side: the largest power of two below their number."""
    return 1 << ((count - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, hash_of: HashOf) -> list[bytes]:
    """The hashes that lead from a leaf to the root of the first `size` leaves."""
    start, end, path = 0, size, list[bytes]()
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            path.append(hash_of(middle, end))
            end = middle
        else:
            path.append(hash_of(start, middle))
            start = middle
    return path[::-1]


def is_included(leaf: bytes, index: int, size: int, *, proof: Sequence[bytes], root: bytes) -> bool:
    """True if the proof shows that the leaf is there in the tree with this size and root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, hashed = index, size - 1, leaf
    for other in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            hashed = node_hash(other, hashed)
            at, last = _raised(at, last)
        else:
            hashed = node_hash(hashed, other)
        at, last = at >> 1, last >> 1
    return last == 0 and hashed == root


def consistency_proof(old: int, new: int, hash_of: HashOf) -> list[bytes]:
    """The hashes that show that the first `old` of `new` leaves are what they were; none if there is nothing to show."""
    if not 0 < old < new:
        return []
    start, end, path = 0, new, list[bytes]()
    while old < end:
        middle = start + split(end - start)
        if old <= middle:
            path.append(hash_of(middle, end))
            end = middle
        else:
            path.append(hash_of(start, middle))
            start = middle
    if start:  # otherwise it is the old root itself, which whoever checks has
        path.append(hash_of(start, end))
    return path[::-1]


def is_consistent(old: int, new: int, *, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """True if the proof shows that the new tree begins with the old one (RFC 9162, 2.1.4.2)."""
    if not 0 < old < new:
        unchanged = old_root == new_root if old == new else old_root == EMPTY
        return 0 <= old <= new and not proof and unchanged
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    if not path:
        return False
    was = now = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            was, now = node_hash(other, was), node_hash(other, now)
            at, last = _raised(at, last)
        else:
            now = node_hash(now, other)
        at, last = at >> 1, last >> 1
    return last == 0 and was == old_root and now == new_root


def _raised(at: int, last: int) -> tuple[int, int]:
    """The same place so many levels higher that it is a right child, as nothing stands beside it below."""
    while at and not at & 1:
        at, last = at >> 1, last >> 1
    return at, last
