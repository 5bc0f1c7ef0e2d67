"""The names of the files that hold a release together, and whether they are there."""

from pathlib import Path
from typing import Final

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
TOMBSTONE: Final = "tombstone.json"
TOMBSTONE_SIGNATURE: Final = "tombstone.sig"
PUBLIC_KEY: Final = "signing-key.pem"


def is_out(releases_dir: Path, slug: str, release: str) -> bool:
    """True once the release is public: its folder gets its name as the last thing."""
    return (releases_dir / slug / release / MANIFEST).exists()
