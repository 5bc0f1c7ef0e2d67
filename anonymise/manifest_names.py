"""The names of the files that hold a release together."""

from typing import Final

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
PUBLIC_KEY: Final = "signing-key.pem"
