"""The strict walk through a resource: a check for each type, made from the table when it is first needed.

A check returns nothing for what is right, and then no path is put together; what is wrong comes with its way in.
"""

import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

from fhir.rules import contained, primitives, references
from fhir.rules.faults import MOST, Check, Fault, Faults, Scope, Step, one, within
from fhir.rules.invariants import RULES
from fhir.rules.primitives import ARRAY, NULL, address_check, symbol_check, text_check
from fhir.rules.table import PRIMITIVES, Choice, Element, Type, codes, is_type, systems, type_of

Node = dict[str, Any]
Members = dict[str, Check]

_KEY = re.compile(r"_?[A-Za-z][A-Za-z0-9_]{0,63}")
_SHORT: Final = 4096  # a longer text is looked at by the check of texts
_UNKNOWN: Final = one("Remove this element: R4 does not have it here.")
_NO_OBJECT: Final = one("Send an object here.")
_EMPTY_OBJECT: Final = one("Remove this empty object, or fill it.")
_ONLY_ID: Final = one("Give this element a content beside its id, or remove it.", "invariant")
_SINGLE: Final = one("Send an array here, even for a single value.")
_EMPTY_ARRAY: Final = one("Remove this empty array, or fill it.")
_NO_TYPE: Final = one("Send a resource here, with a resourceType of R4.")
_LONE_NULL: Final = one("Remove this null: there is no extension beside it.")
_LONE_GAP: Final = one("Remove this null: there is no value beside it.")
_NO_SIBLING: Final = one("Send an object with an id or extensions here.")
_NO_SIBLINGS: Final = one("Send an array of objects here, with null where there is nothing.")


def faults_of(type: str, data: Node) -> Faults:
    """Everything in a resource that is not as R4 has it, up to a number that can be read."""
    return check_of(type)(data, Scope(data)) or ()


@cache
def check_of(name: str) -> Check:
    """The check of the objects of a resource type, a data type or a part of one."""
    type = type_of(name)
    members: Members = {}
    for element in type.elements.values():
        members[element.name] = _when_needed(members, element.name, partial(_member, name, element))
        if element.type in PRIMITIVES:
            key = f"_{element.name}"
            members[key] = _when_needed(members, key, partial(_sibling, element))
    if type.is_resource:
        members["resourceType"] = lambda value, scope: None if value == name else _NO_TYPE
    return _object(type, members)


def _when_needed(members: Members, key: str, made: Callable[[], Check]) -> Check:
    # Types hold each other in circles, and most elements are never sent: a member makes its check at its first value.
    def first(value: Any, scope: Scope) -> Faults | None:
        members[key] = check = made()
        return check(value, scope)

    return first


def _object(type: Type, members: Members) -> Check:
    get = members.get
    # What a primitive element must say, its extensions may say instead.
    required = [(n, f"_{n}" if type.elements[n].type in PRIMITIVES else n) for n in type.required]
    choices = [(choice, _with_siblings(choice)) for choice in type.choices]
    lists = [(e.name, f"_{e.name}") for e in type.elements.values() if e.many and e.type in PRIMITIVES]
    rules = [(rule.when, rule.broken, rule.fault) for rule in RULES.get(type.name, ())]
    contains = "contained" in type.elements
    after = bool(choices or lists or rules or contains)

    def check(node: Any, scope: Scope) -> Faults | None:
        if node.__class__ is not dict:
            return NULL if node is None else ARRAY if node.__class__ is list else _NO_OBJECT
        found: list[Fault] | None = None
        for key, value in node.items():
            member = get(key)
            if value.__class__ is str:
                # Most values are texts of these kinds: most of them are told right here, without a call.
                if member is text_check:
                    if value.isprintable() and 0 < len(value) < _SHORT:
                        continue
                elif (
                    (member is address_check or member is symbol_check)
                    and value.isprintable()
                    and " " not in value
                    and value
                ):
                    continue
            wrong = _UNKNOWN if member is None else member(value, scope)
            if wrong is None:
                continue
            found = within(found, _step(type, key), wrong)
            if len(found) >= MOST:
                return found
        if len(node) < 2 and (not node or ("id" in node and not type.is_resource)):
            return _ONLY_ID if node else _EMPTY_OBJECT
        for name, sibling in required:
            if name not in node and sibling not in node:
                found = within(found, Step(name, name), _missing(name))
        if not after:
            return found
        for choice, keys in choices:
            sent = keys.intersection(node)
            if len(sent) != 1 and (wrong := _chosen(choice, sent)):
                found = within(found, Step(min(sent, default=choice.name), choice.name), wrong)
        for name, sibling in lists:
            values, beside = node.get(name), node.get(sibling)
            if values is beside:  # neither is there
                continue
            if (values.__class__ is list and None in values) or (beside.__class__ is list and None in beside):
                found = _gaps(found, name, values, beside)
        if contains and "contained" in node and (held := contained.faults_of(node, scope)):
            found = [*(found or ()), *held]
        for when, broken, fault in rules:
            if (not when or when in node) and broken(node):
                found = [*(found or ()), fault]
        return found

    return check


def _step(type: Type, key: str) -> Step:
    element = type.elements.get(key.removeprefix("_"))
    if element is not None:
        return Step(key, element.choice or element.name)
    # A key can be anything that a client typed; only what looks like an element's name is repeated.
    return Step(key, key if _KEY.fullmatch(key) else "(not an element name)")


def _missing(name: str) -> Faults:
    return one(f"Add the element {name}: it is required.", "required")


def _with_siblings(choice: Choice) -> frozenset[str]:
    return choice.members | {f"_{member}" for member in choice.members}


def _chosen(choice: Choice, sent: frozenset[str]) -> Faults | None:
    names = {key.removeprefix("_") for key in sent}
    if len(names) > 1:
        return one(f"Send only one of the elements {choice.name}[x].")
    if not names and choice.needed:
        return one(f"Add one of the elements {choice.name}[x]: it is required.", "required")
    return None


def _member(owner: str, element: Element) -> Check:
    single = _value(owner, element)
    return _many(single, gaps=element.type in PRIMITIVES) if element.many else single


def _many(single: Check, *, gaps: bool) -> Check:
    def check(value: Any, scope: Scope) -> Faults | None:
        if value.__class__ is not list:
            return NULL if value is None else _SINGLE
        if not value:
            return _EMPTY_ARRAY
        found: list[Fault] | None = None
        for index, item in enumerate(value):
            # A null among primitives keeps the place of one that has nothing but extensions; its object looks at those.
            wrong = None if item is None and gaps else single(item, scope)
            if wrong is not None:
                found = within(found, index, wrong)
                if len(found) >= MOST:
                    return found
        return found

    return check


def _gaps(found: list[Fault] | None, name: str, values: Any, beside: Any) -> list[Fault] | None:
    """Add the nulls of a list of primitives and of the list beside it that keep no place for anything."""
    for key, held, other, wrong in ((name, values, beside, _LONE_NULL), (f"_{name}", beside, values, _LONE_GAP)):
        others = other if isinstance(other, list) else []
        for index, item in enumerate(held if isinstance(held, list) else ()):
            if item is None and (index >= len(others) or others[index] is None):
                found = within(found, Step(key, name), within(None, index, wrong))
                if len(found) >= MOST:
                    return found
    return found


def _value(owner: str, element: Element) -> Check:
    if element.type in PRIMITIVES:
        allowed = codes(element.detail) if element.detail else frozenset()
        return primitives.code_check(allowed) if allowed else primitives.check_of(element.type, element.detail)
    if element.type == "Resource":
        return _contained if element.name == "contained" else _resource
    whole = check_of(element.type)
    if element.type == "Reference":
        return references.check_of(whole, owner=owner, element=element)
    if element.detail and (allowed_by_system := systems(element.detail)):
        return _coded(whole, allowed_by_system, in_concept=element.type == "CodeableConcept")
    return whole


def _resource(value: Any, scope: Scope) -> Faults | None:
    """Check a resource of its own, like that of an entry."""
    type = value.get("resourceType") if value.__class__ is dict else None
    if type.__class__ is not str or not is_type(type):
        return _NO_TYPE
    return check_of(type)(value, Scope(value))


def _contained(value: Any, scope: Scope) -> Faults | None:
    type = value.get("resourceType") if value.__class__ is dict else None
    if type.__class__ is not str or not is_type(type):
        return _NO_TYPE
    return check_of(type)(value, scope)


def _coded(whole: Check, allowed: dict[str, frozenset[str]], *, in_concept: bool) -> Check:
    listed = "; ".join(f"{system} with {', '.join(sorted(held))}" for system, held in sorted(allowed.items()))
    wrong = one(f"Send a coding of {listed}.", "code-invalid")
    nowhere: frozenset[str] = frozenset()

    def fits(coding: Any) -> bool:
        if coding.__class__ is not dict:
            return False
        system, code = coding.get("system"), coding.get("code")
        return isinstance(system, str) and isinstance(code, str) and code in allowed.get(system, nowhere)

    def check(value: Any, scope: Scope) -> Faults | None:
        found = whole(value, scope)
        if found is not None:
            return found
        held = value.get("coding", ()) if in_concept else (value,)
        if any(fits(coding) for coding in held):
            return None
        return [Fault((Step("coding", "coding"),), *wrong[0][1:])] if in_concept else wrong

    return check


def _sibling(element: Element) -> Check:
    """Check what stands beside a primitive under its name with an underscore: an id, extensions or both."""
    whole = check_of("Element")

    def single(value: Any, scope: Scope) -> Faults | None:
        return _beside(value, scope) if value.__class__ is dict else NULL if value is None else _NO_SIBLING

    def _beside(value: Node, scope: Scope) -> Faults | None:
        # An id alone says which value is meant, so this object may hold nothing else.
        return whole(value, scope) if len(value) != 1 or "id" not in value else _id(value["id"], scope)

    def many(value: Any, scope: Scope) -> Faults | None:
        if value.__class__ is not list or not value:
            return _NO_SIBLINGS
        found: list[Fault] | None = None
        for index, item in enumerate(value):
            if item is not None and (wrong := single(item, scope)) is not None:
                found = within(found, index, wrong)
                if len(found) >= MOST:
                    return found
        return found

    return many if element.many else single


def _id(value: Any, scope: Scope) -> Faults | None:
    wrong = primitives.check_of("string", "")(value, scope)
    return None if wrong is None else within(None, Step("id", "id"), wrong)
