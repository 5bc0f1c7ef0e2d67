"""Whether a Reference points to a type that R4 allows in its place, and a local one to something that is contained.

https://hl7.org/fhir/R4/references.html
"""

import re
from typing import Any, Final

from fhir.rules.faults import Check, Fault, Faults, Scope, Step, one
from fhir.rules.table import Element, is_type

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_LITERAL = re.compile(r"(?:https?://\S+/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_UNTYPED = re.compile(r"(https?://|urn:)\S+")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?\S+")
# Official R4 examples (clinical-gender, DeviceMetric-example, medrx0301) break the standard here, and they must go in.
_TOLERATED: Final = {
    ("Observation", "performer"): frozenset({"Encounter"}),
    ("DeviceMetric", "parent"): frozenset({"DeviceDefinition"}),
    ("MedicationRequest.dispenseRequest", "performer"): frozenset({"Practitioner"}),
}

_LONGEST: Final = 4096  # looking for the type in an address takes a step for each slash in it
_STEP: Final = Step("reference", "reference")
_ABSENT: Final = "Add the contained resource that this local reference names, or refer to another resource (ref-1)."
_FORM: Final = "Send a reference as Type/id, an absolute address or # and the id of a contained resource."


def check_of(whole: Check, *, owner: str, element: Element) -> Check:
    """The check of a Reference in this element: first as an object, then where it points to."""
    targets = frozenset(element.detail.split("|")) if element.detail else frozenset()
    targets |= _TOLERATED.get((owner, element.name), frozenset())
    other = one(f"Refer to one of these types: {', '.join(sorted(targets))}.", "value")
    id_like = _ID.fullmatch

    def check(value: Any, scope: Scope) -> Faults | None:
        found = whole(value, scope)
        if value.__class__ is not dict:
            return found
        text = value.get("reference")
        if text.__class__ is str:
            type, _, rest = text.partition("/")
            plain = type in targets and id_like(rest) is not None
            if not plain and (wrong := _problem(text, targets, scope=scope)):
                fault = wrong if isinstance(wrong, Fault) else other[0]
                found = [*(found or ()), fault._replace(way=(_STEP,))]
        named = value.get("type")
        if targets and named.__class__ is str and named not in targets:
            found = [*(found or ()), other[0]._replace(way=(Step("type", "type"),))]
        return found

    return check


def _problem(text: str, targets: frozenset[str], *, scope: Scope) -> Fault | bool:
    """What is wrong with the text of a reference; True if it is a type that is not among the targets."""
    if text.startswith("#"):
        scope.used.add(text)
        type = scope.contained.get(text[1:])
        if type is None:
            return Fault((), _ABSENT, "value")
    elif len(text) > _LONGEST:
        return Fault((), _FORM, "value")
    elif literal := _LITERAL.fullmatch(text) or _CONDITIONAL.fullmatch(text):
        type = literal[1]
        if not is_type(type):  # an address elsewhere may look so by chance
            return False if _UNTYPED.fullmatch(text) else Fault((), _FORM, "value")
    elif _UNTYPED.fullmatch(text):
        return False
    else:
        return Fault((), _FORM, "value")
    return bool(targets) and type not in targets
