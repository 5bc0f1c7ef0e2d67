"""fhir.resources asked the short way: its models' fields and primitive types in one pass of pydantic's core.

A model of the library makes an object for every element and looks through it three times in Python, which takes 15 to 20
times as long as looking at the fields. So its fields are put together without the objects. What is left out with those
(nulls in arrays, one of many, required primitives) is told by the table, and a test compares both for every class.
"""

from collections.abc import Callable
from functools import cache
from threading import RLock
from types import UnionType
from typing import Any, Final, NamedTuple, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from fhir import models
from fhir.rules.table import is_resource

Node = dict[str, Any]
# R4B changed what these types consist of, so its models say nothing about R4.
_OTHERS: Final = """
    ActivityDefinition DetectedIssue DeviceUseStatement DiagnosticReport Evidence EvidenceVariable ExampleScenario
    PlanDefinition RiskAssessment StructureMap SupplyRequest
    """
OTHER_IN_R4B: Final = frozenset(_OTHERS.split())
_EXTENSION: Final = "Extension"
_SIBLING: Final = "FHIRPrimitiveExtension"
_lock: Final = RLock()


class Complaint(NamedTuple):
    """What the library does not take: the keys and numbers that lead to it, and its name for the kind of error."""

    way: tuple[int | str, ...]
    kind: str


class Member(NamedTuple):
    """A field of a model: its class if it is complex, and whether there is a list of them."""

    alias: str
    model: Any  # None of a primitive, and of any resource
    many: bool
    holds_resources: bool


def complaints(type: str, data: Node) -> list[Complaint]:
    """What the library refuses in a resource."""
    try:
        _validate_resource(data | {"resourceType": type})
    except ValidationError as wrong:
        # Its sentences may quote the value, so only the place and the kind of error are taken.
        errors = wrong.errors(include_url=False, include_input=False, include_context=False)
        return [Complaint(error["loc"], error["type"]) for error in errors]
    return []


def prepare(type: str) -> None:
    """Nothing; afterwards resources of this type can be looked at without a wait."""
    _of_name(type)


def member(model: Any, name: str) -> Member:
    """What the library says about a field of a model."""
    field = model.model_fields[name]
    inner, many = _unwrapped(field.annotation)
    is_complex = hasattr(inner, "get_model_klass")
    any_resource = is_complex and inner.__name__ == "ResourceType"
    of = inner.get_model_klass() if is_complex and not any_resource else None
    return Member(field.alias or name, of, many, any_resource)


def _validate_resource(data: Any) -> bool:
    validator = _of_name(data["resourceType"])
    # What is validated is a copy of it all, which nobody needs; so it is let go at once.
    return validator is None or bool(validator.validate_python(data))


@cache
def _of_name(type: str) -> SchemaValidator | None:
    if type in OTHER_IN_R4B:
        return None
    try:
        return _validator(models.model(type))
    except KeyError:  # the few types of R4 that R4B dropped
        return None


@cache
def _validator(model: Any) -> SchemaValidator:
    with _lock:  # two threads must not build the same models at once
        found: dict[str, CoreSchema] = {}
        _add(model, found, outermost=model)
        first = core_schema.definition_reference_schema(model.__name__)
        return SchemaValidator(core_schema.definitions_schema(first, list(found.values())))


def _add(model: Any, found: dict[str, CoreSchema], *, outermost: Any) -> None:
    """Nothing; this model's fields and those of the models in them are among the found."""
    if model.__name__ in found:
        return
    found[model.__name__] = core_schema.any_schema()  # its parts may hold it again
    schemas = _fields(model)
    fields: dict[str, core_schema.TypedDictField] = {}
    for name in model.model_fields:
        if name == "fhir_comments":
            continue
        part = member(model, name)
        schema = _bare(schemas[name]["schema"]) if part.model is None and not part.holds_resources else None
        if schema is None:
            schema = _complex(part, found, outermost=outermost)
        fields[part.alias] = core_schema.typed_dict_field(schema, required=False)
        if model.__name__ == _EXTENSION and schema is not None and part.model is None:
            # The library has no _value[x] in an Extension, though R4 has.
            sibling = Member(f"_{part.alias}", models.model(_SIBLING), part.many, holds_resources=False)
            fields[sibling.alias] = core_schema.typed_dict_field(
                _complex(sibling, found, outermost=outermost), required=False
            )
    if is_resource(model.__name__):
        fields["resourceType"] = core_schema.typed_dict_field(core_schema.str_schema())
    found[model.__name__] = core_schema.typed_dict_schema(fields, extra_behavior="forbid", ref=model.__name__)


def _complex(part: Member, found: dict[str, CoreSchema], *, outermost: Any) -> CoreSchema:
    schema: CoreSchema
    if part.holds_resources:
        schema = core_schema.no_info_plain_validator_function(_validate_resource)
    elif part.model.__name__ in (_EXTENSION, _SIBLING) and part.model is not outermost:
        # Extensions hold every data type; one validator of theirs serves all others.
        schema = core_schema.no_info_plain_validator_function(_later(part.model))
    else:
        _add(part.model, found, outermost=outermost)
        schema = core_schema.definition_reference_schema(part.model.__name__)
    # A list of siblings has nulls where there is nothing; the table tells where else one is wrong.
    return core_schema.list_schema(core_schema.nullable_schema(schema)) if part.many else schema


def _later(model: Any) -> Callable[[Any], bool]:
    return lambda value: bool(_validator(model).validate_python(value))


def _fields(model: Any) -> dict[str, Any]:
    """The library's schemas of a model's fields by name."""
    model.model_rebuild()  # they are made when first needed (`models.model`)
    schema: Any = model.__pydantic_core_schema__
    while schema["type"] != "model-fields":
        schema = schema["schema"]
    fields: dict[str, Any] = schema["fields"]
    return fields


def _bare(schema: Any) -> CoreSchema:
    """A field's schema without its default and without null, which JSON does not need to say that nothing is there."""
    while schema["type"] in ("default", "nullable"):
        schema = schema["schema"]
    bare: CoreSchema = schema
    return bare


def _unwrapped(annotation: Any) -> tuple[Any, bool]:
    """The type inside Optional and List, and whether there was a List."""
    many = False
    while get_origin(annotation) in (Union, UnionType, list):
        many = many or get_origin(annotation) is list
        (annotation,) = (part for part in get_args(annotation) if part is not type(None))
    return annotation, many
