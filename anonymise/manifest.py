"""The manifest of a release: every file with its hash, chained to the release before, signed with Ed25519."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from anonymise.manifest_names import MANIFEST, SIGNATURE
from anonymise.problems import ReleaseDamaged


def manifest(files: Mapping[str, bytes], facts: Mapping[str, Any]) -> bytes:
    """The canonical JSON of a manifest: some facts and the sorted list of files with bytes and sha256."""
    listed = [
        {"path": path, "bytes": len(files[path]), "sha256": sha256(files[path]).hexdigest()} for path in sorted(files)
    ]
    content = {**facts, "format": 1, "files": listed}
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """The public half of a signing key."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def verify(folder: Path, *, key: bytes) -> dict[str, Any]:
    """The manifest of a release whose files are all as signed; raises naming the first that is not."""
    content = _read(folder, MANIFEST)
    public = load_pem_public_key(key)
    if not isinstance(public, Ed25519PublicKey):
        raise ReleaseDamaged("The key is no Ed25519 key.")
    try:
        public.verify(_read(folder, SIGNATURE), content)
    except InvalidSignature:
        raise ReleaseDamaged(f"{MANIFEST} is not what was signed.") from None
    facts: dict[str, Any] = json.loads(content)
    listed = {entry["path"]: entry["sha256"] for entry in facts["files"]}
    for path in sorted(listed):
        if sha256(_read(folder, path)).hexdigest() != listed[path]:
            raise ReleaseDamaged(f"{path} is not what was signed.")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in listed and name not in (MANIFEST, SIGNATURE):
            raise ReleaseDamaged(f"{name} is not part of the release.")
    return facts


def _read(folder: Path, path: str) -> bytes:
    try:
        return (folder / path).read_bytes()
    except OSError:
        raise ReleaseDamaged(f"{path} is missing.") from None
