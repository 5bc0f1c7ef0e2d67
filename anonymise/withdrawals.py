"""Taking a release back: the numbers leave the shelf, that they were there does not.

The line in the register decides: from then on the portal answers 410. The files move inside, because every later audit has
to reckon with whoever fetched them, and a signed tombstone takes their place. Nothing else ever gets the name.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anonymise.decisions import register, withdrawn
from anonymise.manifest_names import MANIFEST, TOMBSTONE, TOMBSTONE_SIGNATURE, is_out
from anonymise.placing import place
from anonymise.problems import DraftMissing, InputInvalid
from anonymise.register_lines import CAUSES, WITHDRAWN, Decision

LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Which release is taken back, when, and why: in public words, and as one of `CAUSES`."""

    slug: str
    release: str
    at: datetime
    reason: str
    cause: str = "other"


def withdraw(wish: Withdrawal, releases_dir: Path, *, inside: Path, key: Ed25519PrivateKey) -> Path:
    """The folder that now holds the tombstone. Under the ledger's lock; saying it again finishes what a crash left half.

    Raises if there is no such release or no reason.
    """
    reason = wish.reason.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise InputInvalid(f"A withdrawal needs a public reason of at most {LONGEST_REASON} characters.")
    if wish.cause not in CAUSES:
        raise InputInvalid(f"The cause of a withdrawal is one of {', '.join(CAUSES)}.")
    folder, names = releases_dir / wish.slug / wish.release, (wish.slug, wish.release)
    decided = withdrawn(releases_dir).get(names)
    if decided is None:
        if not is_out(releases_dir, *names):
            raise DraftMissing(f"{wish.slug} {wish.release} is not published.")
        content = (folder / MANIFEST).read_bytes()
        k = int(json.loads(content)["protection"]["k"])
        moment, digest = wish.at.replace(microsecond=0).isoformat(), sha256(content).hexdigest()
        decided = Decision(moment, *names, WITHDRAWN, k, digest, reason=reason, cause=wish.cause)
        register(releases_dir, decided)
    if is_out(releases_dir, *names):
        place(_files(folder), inside / wish.slug / wish.release, mode=0o400)
    stone = _tombstone(decided)
    place({TOMBSTONE: stone, TOMBSTONE_SIGNATURE: key.sign(stone)}, folder, mode=0o444)
    folder.chmod(0o555)
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _tombstone(decided: Decision) -> bytes:
    fields = {"dataset": decided.dataset, "release": decided.release, "withdrawn": decided.moment}
    fields |= {"reason": decided.reason, "cause": decided.cause, "manifest": decided.manifest}
    return json.dumps(fields, sort_keys=True, ensure_ascii=False).encode() + b"\n"
