"""The form of the index: what it is made of. Where it changes, the index has to be rebuilt (`fhir.reindex`)."""

import hashlib
from importlib.resources import files
from typing import Final

# One more whenever the same resource gets other tokens than before; tests/fhir/test_reindex.py notices if it was
# forgotten. What is generated from the standard counts by itself.
NUMBER: Final = 2
DEFINITIONS: Final = "definitions/search.json"


def _form() -> str:
    digest = hashlib.sha256(files("fhir").joinpath(DEFINITIONS).read_bytes()).hexdigest()
    return f"{NUMBER}-{digest[:12]}"


FORM: Final = _form()
