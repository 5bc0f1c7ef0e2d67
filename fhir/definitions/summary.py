"""`python -m fhir.definitions.summary` makes `summary.json`: what stays of a resource in a summary.

https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.isSummary
"""

from collections.abc import Iterator
from typing import Any, Final

from fhir.definitions.package import Resource, resources, unpacked, write
from fhir.models import SERVED

Tree = dict[str, Any]
_PARTS: Final = ("BackboneElement", "Element")
# What the package adds to the published definitions.
_ADDED: Final = ("Binary.url", "HealthcareService.offeredIn")


def main() -> None:
    """Nothing; the table is written."""
    with unpacked() as folder:
        found = resources(folder, "profiles-resources")
    profiles = {each["type"]: each for each in found if each["resourceType"] == "StructureDefinition"}
    write("summary", {type: table(profiles[type]) for type in sorted(SERVED)})


def table(profile: Resource) -> dict[str, Any]:
    """Of one type: `needed` on the top level (mandatory, or changing what the rest means), and `summary` as a tree.

    None in the tree keeps an element whole; a tree in it keeps these members of it.
    """
    elements = [element for element in profile["snapshot"]["element"] if "." in element["path"]]
    top = [element for element in elements if element["path"].count(".") == 1]
    needed = [name for element in top if element["min"] or element.get("isModifier") for name in _names(element)]
    return {"needed": needed, "summary": _tree(elements, profile["type"])}


def _tree(elements: list[Resource], parent: str) -> Tree:
    found: Tree = {}
    for element in elements:
        path = element["path"]
        if path.rpartition(".")[0] != parent or path in _ADDED:
            continue
        if element.get("isSummary") or element["min"] or element.get("isModifier"):
            has_parts = any(type["code"] in _PARTS for type in element.get("type", ()))
            held = (_tree(elements, path) if has_parts else None) or None
            # With nothing of its own but modifiers, a mandatory part would be left empty.
            found |= dict.fromkeys(_names(element), held if held and set(held) != {"modifierExtension"} else None)
    return found


def _names(element: Resource) -> Iterator[str]:
    name = element["path"].rpartition(".")[2]
    if not name.endswith("[x]"):
        yield name
        return
    for type in element["type"]:
        yield name[:-3] + type["code"][0].upper() + type["code"][1:]


if __name__ == "__main__":
    main()
