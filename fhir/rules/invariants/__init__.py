"""The constraints of R4 on the served types and the data types, by the type they are about and the standard's keys.

Those that a shape says already (ele-1, dom-2) and those of single references (ref-1) or narratives (txt-1) are checked where
that is. `NOT_CHECKED` says which are left out, and why; a test compares both with the definitions.
https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from typing import Final

from fhir.rules.invariants.bundles import BUNDLES
from fhir.rules.invariants.capabilities import CAPABILITIES
from fhir.rules.invariants.datatypes import DATATYPES
from fhir.rules.invariants.questionnaires import QUESTIONNAIRES
from fhir.rules.invariants.resources import RESOURCES
from fhir.rules.invariants.rule import Rule
from fhir.rules.invariants.scheduling import SCHEDULING

RULES: Final[dict[str, tuple[Rule, ...]]] = BUNDLES | CAPABILITIES | DATATYPES | QUESTIONNAIRES | RESOURCES | SCHEDULING
ELSEWHERE: Final = {
    "ele-1": "elements.py",
    "dom-2": "contained.py",
    "dom-3": "contained.py",
    "dom-4": "contained.py",
    "dom-5": "contained.py",
    "ref-1": "references.py",
    "txt-1": "narrative.py",
    "sqty-1": "table.py: a SimpleQuantity has no comparator",
}
NOT_CHECKED: Final = {
    "txt-2": "an official example has an empty narrative, which harms nobody",
    "ppc-2": "the standard's expression names no real code system, so it is never broken",
    "ppc-3": "the standard's expression names no real code system, so it is never broken",
    "ppc-4": "the standard's expression names no real code system, so it is never broken",
    "ppc-5": "the standard's expression names no real code system, so it is never broken",
}
