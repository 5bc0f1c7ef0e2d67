"""The constraints of R4 on the served types and the data types, by the type they are about and the standard's keys.

Those that a shape says already (ele-1, dom-2) and those of single references (ref-1) or narratives (txt-1) are checked where
that is. `NOT_CHECKED` says which are left out, and why; a test compares both with the definitions.
https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from typing import Final

from fhir.rules.invariants import bundles, capabilities, datatypes, questionnaires, resources, scheduling
from fhir.rules.invariants.rule import Rule

_MODULES: Final = (bundles, capabilities, datatypes, questionnaires, resources, scheduling)
RULES: Final[dict[str, tuple[Rule, ...]]] = {
    type: tuple(rule for module in _MODULES for rule in module.RULES.get(type, ()))
    for type in sorted({type for module in _MODULES for type in module.RULES})
}
ELSEWHERE: Final = {
    "ele-1": "elements.py: no empty objects, arrays or texts",
    "dom-2": "elements.py",
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
