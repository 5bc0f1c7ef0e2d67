"""The form of the index: what it is made of. Where it changes, the index has to be rebuilt (`fhir.reindex`)."""

import hashlib
from pathlib import Path
from typing import Final

# One more whenever the same resource gets other tokens than before; tests/fhir/test_reindex.py notices if it was
# forgotten. What is generated from the standard counts by itself.
NUMBER: Final = 7
DEFINITIONS: Final = Path(__file__).parents[1] / "definitions" / "search.json"

FORM: Final = f"{NUMBER}-{hashlib.sha256(DEFINITIONS.read_bytes()).hexdigest()[:12]}"
