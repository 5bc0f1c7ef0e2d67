"""The elements of the published types: what stands at a path, by its name in JSON."""

from pathlib import Path
from typing import Any, Final, NamedTuple

from fhir.definitions.package import Resource, resources

# `Task.intent` takes its codes from two systems: all but "unknown" from this one.
SYSTEMS: Final = {"http://hl7.org/fhir/ValueSet/task-intent": "http://hl7.org/fhir/request-intent"}

_DERIVED: Final = ("Age", "Duration", "Count", "Distance")
_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/"
_TEXT: Final = "http://hl7.org/fhirpath/System.String"


class Place(NamedTuple):
    """A path in the JSON of a resource, the type of what stands there, and what else a search needs to know of it."""

    path: str
    type: str
    system: str = ""  # of a plain code
    target: str = ""  # only references to this type
    only: str = ""  # only contact points of this system
    targets: tuple[str, ...] = ()  # types that a reference may name

    def text(self, *, below: int = 0) -> str:
        """The place as the table writes it; `below` leaves out so many steps at the front."""
        path = ".".join(self.path.split(".")[below:])
        more = f"@{self.target}" if self.target else f"={self.only}" if self.only else ""
        return f"{path}:{self.type}{more}" + (f"|{self.system}" if self.system else "")


class Elements:
    """All elements of all types, by path."""

    def __init__(self, folder: Path) -> None:
        found = [*resources(folder, "profiles-resources"), *resources(folder, "profiles-types")]
        types = [each for each in found if each["resourceType"] == "StructureDefinition"]
        plain = [each for each in types if each.get("derivation") != "constraint" or each["id"] in _DERIVED]
        self._elements = {element["id"]: element for each in plain for element in each["snapshot"]["element"]}
        sets = [*resources(folder, "valuesets"), *resources(folder, "v3-codesystems")]
        self._sets = {each["url"]: each for each in sets if each["resourceType"] == "ValueSet"}

    def places(self, path: str, *, choice: str | None = None) -> list[Place]:
        """What stands at a path like `Observation.value`, one place for each type of a choice (or the asked one)."""
        root, *steps = path.split(".")
        reached = [("", root)]
        elements: dict[str, Resource] = {}
        for step in steps:
            deeper = []
            for above, base in reached:
                for name, type, element in self._step(base, step):
                    deeper.append((f"{above}.{name}".lstrip("."), type))
                    elements[deeper[-1][0]] = element
            reached = deeper
        return [
            self._place(found, type, element=elements.get(found, {}))
            for found, type in reached
            if choice in (None, type)
        ]

    def below(self, place: Place, step: str) -> list[Place]:
        """What stands one step below a place."""
        return [
            self._place(f"{place.path}.{name}", type, element=held) for name, type, held in self._step(place.type, step)
        ]

    def _step(self, base: str, step: str) -> list[tuple[str, str, Resource]]:
        """Name in JSON, type (of a nameless one: its path) and element of each form that a step can take."""
        element = self._elements.get(f"{base}.{step}")
        if element is not None:
            if reused := element.get("contentReference"):
                return [(step, reused.lstrip("#"), element)]
            codes = [type["code"].replace(_TEXT, "string") for type in element["type"]]
            nameless = ("BackboneElement", "Element")
            return [(step, f"{base}.{step}" if code in nameless else code, element) for code in codes]
        choice = self._elements.get(f"{base}.{step}[x]")
        codes = [type["code"] for type in choice["type"]] if choice else []
        return [(step + code[0].upper() + code[1:], code, choice or {}) for code in codes]

    def _place(self, path: str, type: str, *, element: Resource) -> Place:
        profiles: list[str] = []
        for each in element.get("type", ()):
            if each["code"] == type:
                profiles += each.get("targetProfile", ())
        targets = tuple(sorted(profile.removeprefix(_PROFILE) for profile in profiles))
        return Place(path, type, system=self._system(element) if type == "code" else "", targets=targets)

    def _system(self, element: Resource) -> str:
        """The code system of a plain code, where its value set has one."""
        binding: dict[str, Any] = element.get("binding", {})
        url = binding.get("valueSet", "").partition("|")[0]
        included = self._sets.get(url, {}).get("compose", {}).get("include", ())
        systems = {each.get("system", "") for each in included}
        return SYSTEMS.get(url) or (systems.pop() if len(systems) == 1 else "")
