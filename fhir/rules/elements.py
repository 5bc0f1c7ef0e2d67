"""The strict walk through a resource: every element against its shape, all that is wrong collected with its place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fhir import models
from fhir.rules import invariants, narrative, primitives, references
from fhir.rules.codes import RESOURCE_TYPES
from fhir.rules.shapes import Element, Shape, shape
from infra.problems import Issue

MOST_ISSUES: Final = 100
_KEY = re.compile(r"_?[A-Za-z][A-Za-z0-9_]{0,63}")


@dataclass(slots=True)
class Findings:
    """What is wrong so far, and what the walk needs to know about the whole resource."""

    contained: Mapping[str, str]  # type by id of the contained resources; "" is the outer one
    issues: list[Issue] = field(default_factory=list)

    def add(self, path: str, text: str, *, code: str = "structure") -> None:
        """Nothing; one more issue, as long as there are not too many to read."""
        if len(self.issues) < MOST_ISSUES:
            self.issues.append(Issue(code, text, (path,)))


def check_resource(type: str, data: dict[str, Any]) -> list[Issue]:
    """Everything in a resource that is not as R4 has it."""
    found = Findings(_contained_types(type, data))
    _check_object(data, shape(models.model(type)), path=type, found=found)
    return found.issues


def _contained_types(type: str, data: dict[str, Any]) -> dict[str, str]:
    held = data.get("contained")
    parts = [part for part in held if isinstance(part, dict)] if isinstance(held, list) else []
    return {"": type} | {str(part.get("id")): str(part.get("resourceType")) for part in parts}


def _check_object(node: dict[str, Any], of: Shape, *, path: str, found: Findings) -> None:
    if not node:
        found.add(path, "Remove this empty object, or fill it.")
        return
    for key, value in node.items():
        _check_member(node, key, value, of=of, path=path, found=found)
    for name in of.required:
        if name not in node and f"_{name}" not in node:
            found.add(f"{path}.{name}", f"Add the element {name}: it is required.", code="required")
    for choice, members, needed in of.choices:
        count = sum(member in node or f"_{member}" in node for member in members)
        if count > 1:
            found.add(f"{path}.{choice}", f"Send only one of the elements {choice}[x].")
        elif needed and not count:
            found.add(f"{path}.{choice}", f"Add one of the elements {choice}[x]: it is required.", code="required")
    for place, text in invariants.broken(of.name, node):
        found.add(f"{path}.{place}" if place else path, text, code="invariant")


def _check_member(node: dict[str, Any], key: str, value: Any, *, of: Shape, path: str, found: Findings) -> None:
    here = f"{path}.{key if _KEY.fullmatch(key) else '(not an element name)'}"
    if key == "resourceType" and of.is_resource:
        return
    element = of.elements.get(key)
    if value is None:
        found.add(here, "Remove this null: an element without a value is left out.")
    elif element is not None:
        _check_element(node, element, value, path=here, found=found)
    elif key.startswith("_") and (base := of.elements.get(key[1:])) is not None and base.kind is not None:
        _check_sibling(node, base, value, path=here, found=found)
    else:
        found.add(here, "Remove this element: R4 does not have it here.")


def _check_element(node: dict[str, Any], element: Element, value: Any, *, path: str, found: Findings) -> None:
    if not element.many:
        if isinstance(value, list):
            found.add(path, "Send a single value here, not an array.")
        else:
            _check_value(element, value, path=path, found=found)
        return
    if not isinstance(value, list):
        found.add(path, "Send an array here, even for a single value.")
        return
    if not value:
        found.add(path, "Remove this empty array, or fill it.")
    beside = node.get(f"_{element.name}")
    for index, item in enumerate(value):
        here = f"{path}[{index}]"
        if item is not None:
            _check_value(element, item, path=here, found=found)
        elif not (isinstance(beside, list) and index < len(beside) and isinstance(beside[index], dict)):
            # A null in an array only keeps the place of an item that has nothing but extensions.
            found.add(here, "Remove this null: there is no extension beside it.")


def _check_value(element: Element, value: Any, *, path: str, found: Findings) -> None:
    if element.kind is not None:
        wrong = primitives.problem(element.kind, value)
        if wrong:
            found.add(path, wrong, code="value")
        elif element.codes and value not in element.codes:
            found.add(path, f"Send one of these codes: {', '.join(sorted(element.codes))}.", code="code-invalid")
        elif element.kind == "xhtml" and (unsafe := narrative.problem(value)):
            found.add(path, unsafe, code="security")
        return
    if not isinstance(value, dict):
        found.add(path, "Send an object here.")
    elif element.model is None:
        _check_inner_resource(value, path=path, found=found)
    else:
        of = shape(element.model)
        _check_object(value, of, path=path, found=found)
        if of.name == "Reference" and (wrong := references.problem(value, element.targets, contained=found.contained)):
            found.add(f"{path}.reference", wrong, code="value")
        if element.codes:
            _check_concept(element, value, path=path, found=found)


def _check_inner_resource(value: dict[str, Any], *, path: str, found: Findings) -> None:
    if path.startswith("Bundle.entry["):
        return  # a resource of its own, read and checked where the entry is carried out
    type = value.get("resourceType")
    if not isinstance(type, str) or type not in RESOURCE_TYPES:
        found.add(path, "Send a resource here, with a resourceType of R4.")
        return
    try:
        model = models.model(type)
    except KeyError:  # the few types of R4 that R4B dropped
        found.add(path, f"A contained {type} is not supported. Send another type.", code="not-supported")
        return
    if "contained" in value:
        found.add(f"{path}.contained", "Contain this resource in the outer one: no nesting.", code="invariant")
    _check_object(value, shape(model), path=path, found=found)


def _check_concept(element: Element, value: dict[str, Any], *, path: str, found: Findings) -> None:
    codings = value.get("coding")
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict) and coding.get("system") == element.system and coding.get("code") in element.codes:
            return
    text = f"Send a coding of {element.system} with one of these codes: {', '.join(sorted(element.codes))}."
    found.add(f"{path}.coding", text, code="code-invalid")


def _check_sibling(node: dict[str, Any], base: Element, value: Any, *, path: str, found: Findings) -> None:
    """Check what stands beside a primitive under its name with an underscore: an id, extensions or both."""
    values = value if base.many else [value]
    if not isinstance(values, list) or not values:
        found.add(path, "Send an array of objects here, with null where there is nothing.")
        return
    beside = node.get(base.name)
    for index, item in enumerate(values):
        here = f"{path}[{index}]" if base.many else path
        if item is None:
            if not (isinstance(beside, list) and index < len(beside) and beside[index] is not None):
                found.add(here, "Remove this null: there is no value beside it.")
        elif not isinstance(item, dict):
            found.add(here, "Send an object with an id or extensions here.")
        else:
            _check_object(item, shape(models.model("Element")), path=here, found=found)
