"""What a type consists of, read once from the model classes: elements, their types, what must be there.

The library's classes know all of it, but check it leniently; the walk in `fhir.rules.elements` uses it strictly.
"""

from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from fhir.rules.codes import REQUIRED, REQUIRED_SYSTEMS
from fhir.rules.table import PRIMITIVES as KINDS

# How the library's marker classes are called where it is not simply the type's name.
_MARKERS: Final = {"EncodedBytes": "base64Binary", "UuidVersion": "uuid"}
# R4B widened these; R4 4.0.1 has the ones here.
_R4_TARGETS: Final = {("Observation", "subject"): ("Patient", "Group", "Device", "Location")}
# An official R4 example (Observation clinical-gender) breaks the standard here; the official examples must go in.
_TOLERATED: Final = {("Observation", "performer"): frozenset({"Encounter"})}
# R4B has them, R4 does not.
_NOT_R4: Final = frozenset({"valueCodeableReference", "valueRatioRange"})


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type: its data type, a primitive kind or a model class, and what it may hold."""

    name: str
    kind: str | None  # of a primitive; None for a complex type
    model: Any  # class of a complex type; None for a primitive and for any resource
    many: bool
    targets: frozenset[str]  # of a Reference; empty if any type will do
    codes: frozenset[str]  # of a required binding; empty if none
    system: str  # the code system the codes of a CodeableConcept must come from


@dataclass(frozen=True, slots=True)
class Shape:
    """The elements of a type by name, those that must be there, and the choices of which at most one may be."""

    name: str
    elements: dict[str, Element]
    required: tuple[str, ...]
    choices: tuple[tuple[str, tuple[str, ...], bool], ...]  # name, alternatives, whether one must be there
    is_resource: bool


@cache
def shape(model: Any) -> Shape:
    """The shape of a model class."""
    name: str = model.__name__
    elements: dict[str, Element] = {}
    required: list[str] = []
    choices: dict[str, tuple[list[str], bool]] = {}
    for field_name, field in model.model_fields.items():
        facts = field.json_schema_extra or {}
        if not facts.get("element_property"):
            continue
        alias = field.alias or field_name
        if alias in _NOT_R4:
            continue
        elements[alias] = _element(name, alias, field.annotation, facts)
        if field.is_required() or facts.get("element_required"):
            required.append(alias)
        if choice := facts.get("one_of_many"):
            choices.setdefault(choice, ([], bool(facts.get("one_of_many_required"))))[0].append(alias)
    return Shape(
        name=name,
        elements=elements,
        required=tuple(required),
        choices=tuple((choice, tuple(members), needed) for choice, (members, needed) in choices.items()),
        is_resource=model.has_resource_base(),
    )


def _element(owner: str, name: str, annotation: Any, facts: dict[str, Any]) -> Element:
    inner, many = _unwrapped(annotation)
    is_complex = hasattr(inner, "get_model_klass")
    key = (owner, name)
    return Element(
        name=name,
        kind=None if is_complex else _kind(inner),
        model=inner.get_model_klass() if is_complex and inner.__name__ != "ResourceType" else None,
        many=many,
        targets=_targets(key, facts),
        codes=REQUIRED.get(key, frozenset()),
        system=REQUIRED_SYSTEMS.get(key, ""),
    )


def _unwrapped(annotation: Any) -> tuple[Any, bool]:
    """The type inside Optional and List, and whether there was a List."""
    many = False
    while get_origin(annotation) in (Union, UnionType, list):
        many = many or get_origin(annotation) is list
        (annotation,) = (part for part in get_args(annotation) if part is not type(None))
    return annotation, many


def _kind(annotation: Any) -> str:
    if annotation is bool:
        return "boolean"
    marker = type(get_args(annotation)[1]).__name__
    kind = _MARKERS.get(marker, marker[0].lower() + marker[1:])
    assert kind in KINDS, f"a primitive of fhir.resources that the rules do not know: {marker}"
    return kind


def _targets(key: tuple[str, str], facts: dict[str, Any]) -> frozenset[str]:
    names = _R4_TARGETS.get(key) or facts.get("enum_reference_types") or ()
    if not names or "Resource" in names:
        return frozenset()
    return frozenset(names) | _TOLERATED.get(key, frozenset())
