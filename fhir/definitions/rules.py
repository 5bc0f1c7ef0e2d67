"""`python -m fhir.definitions.rules` makes `rules.json`: what every R4 type consists of, and the codes it requires.

Of each type its base and its own elements, as cardinality and types: `1..1 code(administrative-gender)`,
`0..* Reference(Patient|Group)`, `0..1 boolean dateTime` for a choice. All types of R4, not only those that are served,
because a contained resource or an entry of a stored Bundle may be any of them.
https://hl7.org/fhir/R4/elementdefinition.html
"""

from collections.abc import Iterator
from typing import Any, Final

from fhir.definitions.package import Resource, resources, unpacked, write
from fhir.models import SERVED

Codes = dict[str, list[str]]  # by code system
_VERSION: Final = "4.0.1"  # the package adds a type of 4.3.0
_PRIMITIVE: Final = "http://hl7.org/fhirpath/System."
_TYPE_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/"
_CHANGED: Final = {"Bundle.entry.response.outcome": "Resource"}  # the package says OperationOutcome
# What the package adds of its own to the definitions of HL7; a test compares the table with another source. Its
# EvidenceVariable is one of a later version altogether.
_ADDED: Final = tuple(
    f"{type}.{name}"
    for type, names in {
        "Meta": "project author onBehalfOf account accounts compartment deleted",
        "Binary": "url",
        "HealthcareService": "offeredIn",
        "DeviceDefinition": "bodySite classification",
        "ObservationDefinition": "publisher",
        "ResearchStudy": "progressStatus recruitment classifier result comparisonGroup name studyDesign associatedParty "
        "descriptionSummary whyStopped region label outcomeMeasure",
        "ResearchStudy.objective": "description",
    }.items()
    for name in names.split()
)
_CODED: Final = ("code", "Coding", "CodeableConcept")
# Their codes are no list: BCP 13 (checked by form), ISO 4217 (three letters), UCUM, and one that came later.
_OPEN: Final = ("mimetypes", "currencies", "ucum-units", "characteristic-combination", "LL379-9")


def main() -> None:
    """Nothing; the table is written."""
    with unpacked() as folder:
        held = [*resources(folder, "profiles-types"), *resources(folder, "profiles-resources")]
        terms = [*resources(folder, "valuesets"), *resources(folder, "v3-codesystems")]
    profiles = {each["id"]: each for each in held if is_used(each)}
    types = dict(part for profile in profiles.values() for part in parts(profile, profiles))
    table = {
        "types": dict(sorted(types.items())),
        "codes": codes(types, terms),
        "constraints": constraints(types, profiles),
    }
    write("rules", table)


def is_used(each: Resource) -> bool:
    """Whether this is the definition of a resource or complex type of R4."""
    return (
        each["resourceType"] == "StructureDefinition"
        and each["fhirVersion"] == _VERSION
        and each["kind"] in ("resource", "complex-type")
    )


def parts(profile: Resource, profiles: dict[str, Resource]) -> Iterator[tuple[str, list[Any]]]:
    """A type and the parts in it by name, each with its base and its own elements."""
    root, *elements = profile["snapshot"]["element"]
    type = root["path"]
    constrained = profile.get("derivation") == "constraint"  # SimpleQuantity has no elements of its own
    base = "Element" if constrained else profile.get("baseDefinition", "").removeprefix(_PROFILE)
    yield profile["id"], [base, dict(_own(elements, type, base=profiles.get(base), profiles=profiles))]
    for element in elements:
        if element["path"].startswith(tuple(f"{path}." for path in _ADDED)) or element["path"] in _ADDED:
            continue
        kind = [each["code"] for each in element.get("type", ())]
        if kind in (["BackboneElement"], ["Element"]) and not element.get("contentReference"):
            of = profiles[kind[0]]
            yield element["path"], [kind[0], dict(_own(elements, element["path"], base=of, profiles=profiles))]


def _own(
    elements: list[Resource], parent: str, *, base: Resource | None, profiles: dict[str, Resource]
) -> Iterator[tuple[str, str]]:
    inherited = {_name(element) for element in base["snapshot"]["element"]} if base else set()
    for element in elements:
        path, name = element["path"], _name(element)
        if path in _ADDED or name in inherited or element["max"] == "0":
            continue
        if path.rpartition(".")[0] == parent:
            yield name, f"{element['min']}..{element['max']} {' '.join(_types(element, profiles))}"


def _name(element: Resource) -> str:
    return str(element["path"].rpartition(".")[2])


def _types(element: Resource, profiles: dict[str, Resource]) -> Iterator[str]:
    if reference := element.get("contentReference"):
        yield reference.removeprefix("#")
    for type in element.get("type", ()):
        code = type["code"]
        if code.startswith(_PRIMITIVE):
            code = next(each["valueUrl"] for each in type["extension"] if each["url"] == _TYPE_EXTENSION)
            # The definitions give the id of a resource as a string; its own page says id.
            code = "id" if element["path"] == "Resource.id" else code
        if code in ("BackboneElement", "Element"):
            code = element["path"]
        code = _CHANGED.get(element["path"], code)
        profiled = [each.removeprefix(_PROFILE) for each in type.get("profile", ())]
        if len(profiled) == 1 and profiled[0] in profiles:
            code = profiled[0]
        yield code + _detail(code, type, element)


def _detail(code: str, type: Resource, element: Resource) -> str:
    if code == "Reference":
        targets = [each.removeprefix(_PROFILE) for each in type.get("targetProfile", ()) if each.startswith(_PROFILE)]
        if element["path"] == "AuditEvent.source.observer":
            targets.remove("Subscription")  # the package's own too
        return f"({'|'.join(targets)})" if targets and "Resource" not in targets else ""
    binding = element.get("binding", {})
    if code in _CODED and binding.get("strength") == "required":
        name = binding["valueSet"].partition("|")[0].rpartition("/")[2]
        return f"({name})"
    return ""


def constraints(types: dict[str, list[Any]], profiles: dict[str, Resource]) -> dict[str, str]:
    """What R4 demands of the served types and of all that they hold beyond its shapes: by key, where and in words."""
    reached, waiting = set(SERVED), list(SERVED)
    while waiting:
        base, elements = types[waiting.pop()]
        held = {type.partition("(")[0] for text in elements.values() for type in text.split()[1:]} | {base}
        waiting += (new := held.intersection(types) - reached - {"Resource"})
        reached |= new
    found: dict[str, str] = {}
    for name in sorted(reached & profiles.keys()):
        for element in profiles[name]["snapshot"]["element"]:
            for each in element.get("constraint", ()):
                if each["severity"] == "error":
                    found.setdefault(each["key"], f"{element['path']}: {each['human']}")
    return dict(sorted(found.items()))


def codes(types: dict[str, list[Any]], terms: list[Resource]) -> dict[str, dict[str, str]]:
    """The codes of each required value set by their system, in one text each."""
    used = {
        detail
        for _, elements in types.values()
        for text in elements.values()
        for type in text.split()[1:]
        if type.partition("(")[0] in _CODED and (detail := type.partition("(")[2].rstrip(")"))
    }
    sets = {each["url"].rpartition("/")[2]: each for each in terms if each["resourceType"] == "ValueSet"}
    systems = {each["url"]: each for each in terms if each["resourceType"] == "CodeSystem"}
    closed = sorted(used.difference(_OPEN))
    return {name: {k: " ".join(v) for k, v in _expanded(sets[name], sets, systems).items()} for name in closed}


def _expanded(value_set: Resource, sets: dict[str, Resource], systems: dict[str, Resource]) -> Codes:
    found: Codes = {}
    assert "exclude" not in value_set["compose"], value_set["url"]
    for include in value_set["compose"]["include"]:
        assert "filter" not in include, value_set["url"]
        for url in include.get("valueSet", ()):
            inner = _expanded(sets[url.partition("|")[0].rpartition("/")[2]], sets, systems)
            found |= {system: found.get(system, []) + codes for system, codes in inner.items()}
        if "concept" in include:
            found.setdefault(include["system"], []).extend(each["code"] for each in include["concept"])
        elif "system" in include:
            found.setdefault(include["system"], []).extend(_all(systems[include["system"]].get("concept", ())))
    return found


def _all(concepts: list[Resource]) -> Iterator[str]:
    for each in concepts:
        yield each["code"]
        yield from _all(each.get("concept", ()))


if __name__ == "__main__":
    main()
