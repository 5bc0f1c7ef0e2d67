"""`_elements`: which members of a resource its names stand for, the same in searches, reads and histories.

https://hl7.org/fhir/R4/search.html#elements
"""

from fhir.rules.table import Element, type_of
from fhir.search import reading
from fhir.search.reading import NAME
from fhir.search.refusals import BadValue


def members(text: str, *types: str) -> tuple[str, ...]:
    """The members of these types that `_elements` names; 400 for a name that none of them has on its top level."""
    found: list[str] = []
    for name in reading.alternatives("_elements", text):
        meant = [
            element.name for type in types for element in type_of(type).elements.values() if _means(name, type, element)
        ]
        if not meant:
            shown = f" {name}" if NAME.fullmatch(name) else ""
            whose = types[0] if len(types) == 1 else "no type"
            does = "does not have" if len(types) == 1 else "has"
            raise BadValue(f"_elements names an element{shown} that {whose} {does} on its top level.")
        found += meant
    return tuple(dict.fromkeys(found))


def _means(name: str, type: str, element: Element) -> bool:
    # `value` and `value[x]` stand for whichever of valueQuantity, valueString ... is there.
    name = name.removeprefix(f"{type}.")
    return name == element.name or (element.choice != "" and name in (element.choice, f"{element.choice}[x]"))
