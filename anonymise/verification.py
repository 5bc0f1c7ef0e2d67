"""Whether a folder is the release it seems to be: as signed, in its place, and told of by the register beside it."""

import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from anonymise.manifest import verify
from anonymise.manifest_names import MANIFEST, TOMBSTONE
from anonymise.problems import ReleaseDamaged, ReleaseWithdrawn
from anonymise.register_lines import PUBLISHED, REGISTER, read_register

RELEASE_NAME: Final = re.compile(r"\d{4}-Q[1-4]")


@dataclass(frozen=True, slots=True)
class Verified:
    """What is known of a release that was verified."""

    facts: dict[str, Any]
    fingerprint: str
    registered: bool


def verified(folder: Path, *, key: bytes) -> Verified:
    """The release in a folder; raises naming what is not as it was published.

    A whole release under another's name would pass the signature alone. So on a shelf, or under a name that is a
    release's, the folder has to bear the manifest's names; a copy elsewhere may be called as one likes. The register,
    where it lies beside, has to tell of exactly this manifest.
    """
    folder = folder.resolve()
    if (folder / TOMBSTONE).is_file():
        raise ReleaseWithdrawn("This release was withdrawn; tombstone.json says when and why.")
    facts = verify(folder, key=key)
    named, signed = (folder.parent.name, folder.name), (facts["dataset"], facts["release"])
    if named != signed and (RELEASE_NAME.fullmatch(folder.name) or (folder.parent.parent / REGISTER).is_file()):
        raise ReleaseDamaged(f"The folder is named {' '.join(named)}, but what was signed is {' '.join(signed)}.")
    return Verified(facts, fingerprint(key), _registered(folder))


def fingerprint(key: bytes) -> str:
    """The SHA-256 of a public key's DER form, to compare with a copy kept elsewhere."""
    der = load_pem_public_key(key).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(der).hexdigest()


def _registered(folder: Path) -> bool:
    """True if the register tells of this manifest, False if there is no register."""
    releases_dir = folder.parent.parent
    if not (releases_dir / REGISTER).is_file():
        return False
    digest = sha256((folder / MANIFEST).read_bytes()).hexdigest()
    wanted = (folder.parent.name, folder.name, PUBLISHED, digest)
    told = ((line.dataset, line.release, line.outcome, line.manifest) for line in read_register(releases_dir).entries)
    if wanted not in told:
        raise ReleaseDamaged(f"{REGISTER} does not tell of this {MANIFEST}.")
    return True
