"""Who agreed to publish what: two people, neither of whom built it, each bound to the bytes they were shown.

An approval is an Ed25519 signature over data set, release and the draft's digest (its files and its audit), so it lapses
by itself when a byte changes, and whoever can write files can't approve. Approvers of the command line are enrolled by
their public keys; people of the platform approve in the console, freshly signed in, and the console's own key signs.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from anonymise.placing import replace
from anonymise.problems import ApprovalRefused, ApprovalsMissing, ApprovedAlready, InputInvalid, OwnDraft

NEEDED: Final = 2
"""One person alone can be mistaken, hurried or pressed; the same number stands in the manual and on the method page."""

CONSOLE: Final = "console:"
"""What the name of an approver begins with who was signed in to the platform."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is approved: a draft by its names and its digest (SHA-256, hex), and who built it."""

    slug: str
    release: str
    digest: str
    built_by: str

    def message(self, by: str) -> bytes:
        """What an approver signs."""
        return f"approve release\n{self.slug}\n{self.release}\n{self.digest}\n{by}".encode()


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's yes."""

    by: str
    at: str
    digest: str
    signature: str


def named(by: str) -> str:
    """A name that says who it is; raises if it is blank."""
    if not by.strip():
        raise InputInvalid("Say who you are: a blank name stands for nobody.")
    return by.strip()


class Approvers(Protocol):
    """Knows the public key of everybody who may approve."""

    def key(self, by: str) -> Ed25519PublicKey | None:
        """The key of an approver; None for who is none."""
        ...


class EnrolledKeys:
    """Approvers by files `NAME.pem` in a folder that the operator keeps, and the console's people by the console's key."""

    def __init__(self, folder: Path, *, console: Ed25519PublicKey | None = None) -> None:
        self._folder = folder
        self._console = console

    def key(self, by: str) -> Ed25519PublicKey | None:
        """The key of an approver; None for who is none."""
        if by.startswith(CONSOLE):
            return self._console
        path = self._folder / f"{by}.pem"
        if not by.replace("-", "").replace(".", "").isalnum() or not path.is_file():
            return None
        found = load_pem_public_key(path.read_bytes())
        return found if isinstance(found, Ed25519PublicKey) else None


def private_key(path: Path) -> Ed25519PrivateKey:
    """The approver's own key from a PEM file; raises saying how to make one."""
    try:
        found = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise InputInvalid(f"{path.name} is no readable key. Make one: openssl genpkey -algorithm ed25519") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise InputInvalid(f"{path.name} is no Ed25519 key. Make one: openssl genpkey -algorithm ed25519")
    return found


def approved(
    subject: Subject,
    earlier: Sequence[Approval],
    *,
    by: str,
    at: datetime,
    key: Ed25519PrivateKey,
    approvers: Approvers,
) -> Approval:
    """The approval of somebody who may give it; raises saying why not."""
    enrolled = approvers.key(named(by))
    if enrolled is None or enrolled.public_bytes_raw() != key.public_key().public_bytes_raw():
        raise ApprovalRefused("This key is not enrolled under this name. The operator adds its public half first.")
    own = _person(by, enrolled)
    if _built(subject, by, own, approvers):
        raise OwnDraft
    given = counted(subject, earlier, approvers=approvers)
    if any(approval.by == by or own == _person(approval.by, approvers.key(approval.by)) for approval in given):
        raise ApprovedAlready
    signature = key.sign(subject.message(by)).hex()
    return Approval(by, at.replace(microsecond=0).isoformat(), subject.digest, signature)


def counted(subject: Subject, approvals: Sequence[Approval], *, approvers: Approvers) -> tuple[Approval, ...]:
    """The approvals that count: one a person, of exactly this draft, with a signature that holds, not the builder's. One key
    under two names is one person."""
    found: dict[str, Approval] = {}
    for approval in approvals:
        key = approvers.key(approval.by)
        person = _person(approval.by, key)
        if key is None or _built(subject, approval.by, person, approvers) or approval.digest != subject.digest:
            continue
        try:
            key.verify(bytes.fromhex(approval.signature), subject.message(approval.by))
        except (InvalidSignature, ValueError):
            continue
        found.setdefault(person, approval)
    return tuple(found.values())


def _person(by: str, key: Ed25519PublicKey | None) -> str:
    """Who somebody is: by their key, or in the console, whose key speaks for all, by their name."""
    if key is None or by.startswith(CONSOLE):
        return by.strip().casefold()
    return sha256(key.public_bytes_raw()).hexdigest()


def _built(subject: Subject, by: str, person: str, approvers: Approvers) -> bool:
    """Whether somebody built the draft, under this name or with this key."""
    builder = subject.built_by
    same = by.strip().casefold() == builder.strip().casefold()
    return same or person == _person(builder, approvers.key(builder))


def require_two(subject: Subject, approvals: Sequence[Approval], *, approvers: Approvers) -> tuple[Approval, ...]:
    """The approvals that count; raises while there are fewer than are needed."""
    found = counted(subject, approvals, approvers=approvers)
    if len(found) < NEEDED:
        raise ApprovalsMissing(
            f"{len(found)} of {NEEDED} approvals of exactly this draft are there. An approval lapses when the draft changes."
        )
    return found


def read_approvals(path: Path) -> tuple[Approval, ...]:
    """The approvals in a file; lines that are none are left out, as they would not count."""
    if not path.is_file():
        return ()
    found = []
    for line in path.read_bytes().splitlines():
        try:
            found.append(Approval(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return tuple(found)


def write_approvals(path: Path, approvals: Sequence[Approval]) -> None:
    """The file with these approvals."""
    replace(path, b"".join(json.dumps(asdict(approval), sort_keys=True).encode() + b"\n" for approval in approvals))
