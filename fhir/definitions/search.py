"""Makes `search.json`, `expressions.json` and `compartments.json`: `python -m fhir.definitions.search`.

The pairs of (type, parameter) are counted by the SearchParameters of 4.0.1: one for each served type in the `base` of
each, which makes 606 for the 43 types. The parameters that stand for all resources (`_id`, `_tag` ...) are not counted
with them; of those, the ones that are searched by content are under "Resource".

A place in `search.json` is `path:Type`, the path in JSON with choices resolved (`valueQuantity`), then what belongs to
it: `@Patient` (only references to one), `=phone` (only contact points of this system), `|...` (the code system of a
plain code). Names and addresses are cut into their texts. `expressions.json` has the published FHIRPath; only tests
read it.
"""

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from fhir.definitions.elements import Elements, Place
from fhir.definitions.package import PACKAGE, Resource, read, resources, unpacked, write
from fhir.models import SERVED

ANY: Final = "*"  # as a target: every resource type of R4, listed once
MOST_TARGETS: Final = 100
COMMON: Final = ("_tag", "_profile", "_security", "_source")

# Everything that the published expressions ask beyond paths, `ofType` and the two forms of `where`.
BY_HAND: Final = {
    "Bundle.entry[0].resource": "First",
    "Patient.deceased.exists() and Patient.deceased != false": "Deceased",
}
# 4.0.1 swaps the two definitions of this composite's components; their expressions say what is meant.
SWAPPED: Final = {
    "http://hl7.org/fhir/SearchParameter/DocumentReference-relatesto": "relation token",
    "http://hl7.org/fhir/SearchParameter/DocumentReference-relation": "relatesto reference",
}
# Of choices, the types that the kind of parameter can't compare (an age at which something was done is no date).
COMPARED: Final = {
    "token": ("code", "boolean", "string", "Coding", "CodeableConcept", "Identifier", "ContactPoint"),
    "reference": ("Reference", "canonical"),
    "uri": ("uri", "url", "canonical"),
    "string": ("string", "markdown", "HumanName", "Address"),
    "date": ("date", "dateTime", "instant", "Period", "Timing", "string"),  # a text that is a date is found as one
    "quantity": ("Quantity", "Age", "Duration", "Range", "SampledData"),
    "special": ("Location.position",),
}
TEXTS: Final = {
    "HumanName": ("family", "given", "prefix", "suffix", "text"),
    "Address": ("line", "city", "district", "state", "postalCode", "country", "text"),
}

_STEP: Final = re.compile(
    r"(?P<path>\w+(?:\.\w+)*?)(?:\.ofType\((?P<choice>\w+)\)(?:\.(?P<rest>\w+))?)?"
    r"(?:\.where\(resolve\(\) is (?P<target>\w+)\)|\.where\(system='(?P<system>\w+)'\))?"
)
_BRACKETS: Final = re.compile(r"^\(((?:[\w.]|\.ofType\(\w+\))+)\)(?=$|\.\w+$)")


class UnknownExpressionError(ValueError):
    """An expression asks something that is neither read here nor done by hand."""


class Compiled(NamedTuple):
    """A parameter of one type as it stands in the table."""

    kind: str
    places: list[Place]
    targets: list[str]


def compiled(elements: Elements, type: str, published: Resource) -> Compiled:
    """Kind, places and targets of a parameter for one of its types."""
    kind = published["type"]
    places: list[Place] = []
    for part in parts(published["expression"], type):
        places += _places(elements, part, base=type, kind=kind)
    if places[0].type == "First":
        places = [places[0]._replace(target=published["target"][0])]
    targets = _targets(places, published.get("target", []))
    if kind == "reference" and places[0].type == "canonical":
        kind = "canonical"
    return Compiled(kind, places, targets)


def parts(expression: str, type: str) -> list[str]:
    """The parts of a union that are about one type."""
    return [part for part in map(str.strip, expression.split("|")) if re.match(rf"\(*(?:{type}|Resource)\b", part)]


def _places(elements: Elements, part: str, *, base: str, kind: str) -> list[Place]:
    if part in BY_HAND:
        return [Place("", BY_HAND[part])]
    form = _STEP.fullmatch(_BRACKETS.sub(r"\1", part))
    if form is None:
        raise UnknownExpressionError(part)
    root = form["path"].partition(".")[0]
    path = form["path"] if root[0].isupper() else f"{base}.{form['path']}"
    choice = {"DateTime": "dateTime"}.get(form["choice"], form["choice"])  # 4.0.1 writes it so in one composite
    found = elements.places(path, choice=choice)
    if form["rest"]:
        found = [deeper for place in found for deeper in elements.below(place, form["rest"])]
    found = [place for place in found if place.type in COMPARED[kind]]
    if not found:
        raise UnknownExpressionError(f"{path} as {kind}")
    return [
        cut._replace(target=form["target"] or "", only=form["system"] or "") for place in found for cut in _cut(place)
    ]


def _cut(place: Place) -> list[Place]:
    texts = TEXTS.get(place.type)
    return [Place(f"{place.path}.{text}", "string") for text in texts] if texts else [place]


def _targets(places: list[Place], published: list[str]) -> list[str]:
    """The types that the parameter names and the element allows."""
    if any(place.target for place in places):
        return sorted({place.target for place in places})
    allowed = {target for place in places for target in place.targets}
    both = allowed & set(published) if allowed and "Resource" not in allowed else set(published)
    return sorted(both or allowed - {"Resource"})


def composite(elements: Elements, type: str, *, published: Resource, names: dict[str, str]) -> list[Any]:
    """A composite as it stands in the table: the paths of its bases, then the name and places of each component."""
    bases = [part.partition(".")[2] for part in parts(published["expression"], type)]
    root = f"{type}.{bases[-1]}".rstrip(".")
    components = []
    for component in published["component"]:
        like, kind = (names | SWAPPED)[component["definition"]].split()
        places: list[Place] = []
        for part in component["expression"].split("|"):
            places += _places(elements, part.strip(), base=root, kind=kind)
        below = root.count(".")
        components.append([like, *(place.text(below=below) for place in places)])
    return ["composite", bases, components]


def table(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two tables: the parameters of each type, and the expressions they were compiled from."""
    elements = Elements(folder)
    published = resources(folder, "search-parameters")
    names = {each["url"]: f"{each['code']} {each['type']}" for each in published}
    compact: dict[str, Any] = {type: {} for type in ("Resource", *SERVED)}
    expressions: dict[str, Any] = {type: {} for type in ("Resource", *SERVED)}
    for each in published:
        for type in sorted({"Resource", *SERVED} & set(each["base"])):
            name = each["code"]
            if type == "Resource" and name not in COMMON:
                continue
            expressions[type][name] = " | ".join(parts(each["expression"], type))
            if each["type"] == "composite":
                compact[type][name] = composite(elements, type, published=each, names=names)
                expressions[type][name] = [expressions[type][name], *(c["expression"] for c in each["component"])]
                continue
            kind, places, targets = compiled(elements, type, each)
            many = [ANY] if len(targets) > MOST_TARGETS else targets
            compact[type][name] = [
                kind,
                " ".join(place.text() for place in places),
                *([" ".join(many)] if many else []),
            ]
    widest = max((each.get("target", []) for each in published), key=len)
    return (
        {
            "from": PACKAGE,
            ANY: " ".join(sorted(widest)),
            **{type: dict(sorted(held.items())) for type, held in compact.items()},
        },
        {"from": PACKAGE, **{type: dict(sorted(held.items())) for type, held in expressions.items()}},
    )


def compartment(folder: Path) -> dict[str, list[str]]:
    """The parameters by which each type belongs to a patient's compartment, in the order of the definition."""
    members = read(folder, "compartmentdefinition-patient")["resource"]
    return {each["code"]: each["param"] for each in members if each["code"] in SERVED and "param" in each}


def main() -> None:
    """Nothing; the tables are written."""
    with unpacked() as folder:
        search, expressions = table(folder)
        patient = compartment(folder)
    write("search", search)
    write("expressions", expressions)
    write("compartments", {"from": PACKAGE, "patient": patient})


if __name__ == "__main__":
    main()
