"""An OpenAPI document of the FHIR routes, made from the table that makes the routes; the product publishes none."""

import re
from typing import Any, Final

from fhir.capability import SEARCHED
from fhir.interactions import ROUTES
from fhir.models import SERVED
from fhir.search.definitions import PARAMETERS, Kind

TEXT: Final = {"type": "string"}
# What OpenAPI can say of a parameter's value.
VALUES: Final[dict[Kind, dict[str, Any]]] = {
    Kind.DATE: {"type": "string", "pattern": "^(eq|ne|gt|lt|ge|le|sa|eb|ap)?[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$"},
    Kind.QUANTITY: {
        "type": "string",
        "pattern": "^(eq|ne|gt|lt|ge|le|sa|eb|ap)?-?[0-9]+([.][0-9]+)?([|][^|]*[|][^|]*)?$",
    },
    Kind.TOKEN: {"type": "string", "pattern": "^([^|]*[|])?[^|]*$"},
    Kind.REFERENCE: {"type": "string", "pattern": "^([A-Z][a-z]+/)?[A-Za-z0-9.-]{1,64}$"},
}
CONTROLS: Final[dict[str, dict[str, Any]]] = {
    "_count": {"type": "integer"},
    "_sort": TEXT,
    "_total": {"enum": ["accurate", "estimate", "none"]},
    "_summary": {"enum": ["true", "text", "data", "count", "false"]},
    "_elements": TEXT,
    "_include": TEXT,
    "_revinclude": TEXT,
}
BODIED: Final = ("post", "put", "patch")


def document(types: tuple[str, ...]) -> dict[str, Any]:
    """The document; every search is spelled out with its parameters, and all other routes for these types."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, *_ in ROUTES:
        spelled = SEARCHED if (method, path) == ("GET", "/{type}") else types
        for type in ("", *spelled) if path.startswith("/{type}") else ("",):
            place = path.replace("{type}", type) if type else path or "/"
            paths.setdefault(place, {})[method.lower()] = _operation(method.lower(), place, type)
    return {"openapi": "3.1.0", "info": {"title": "FHIR", "version": "4.0.1"}, "paths": paths}


def _operation(method: str, path: str, type: str) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"enum": list(SERVED)} if name == "type" else TEXT}
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    if method == "get" and type and path == f"/{type}":
        known = {name: VALUES.get(parameter.kind, TEXT) for name, parameter in PARAMETERS[type].parameters.items()}
        parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in (known | CONTROLS).items()]
    for name in ("If-Match", "If-None-Exist", "Prefer"):
        parameters.append({"name": name, "in": "header", "schema": TEXT})
    operation: dict[str, Any] = {"parameters": parameters, "responses": {"default": {"description": "FHIR"}}}
    if method in BODIED:
        operation["requestBody"] = {"content": {"application/fhir+json": {"schema": _resource(type)}}}
    return operation


def _resource(type: str) -> dict[str, Any]:
    coding = {"type": "object", "properties": {"system": TEXT, "code": TEXT}}
    identifier = {"type": "object", "properties": {"system": TEXT, "value": TEXT}}
    return {
        "type": "object",
        "required": ["resourceType"],
        "properties": {
            "resourceType": {"enum": [type] if type else list(SERVED)},
            "id": TEXT,
            "status": {"enum": ["final", "active", "draft", "proposed"]},
            "identifier": {"type": "array", "items": identifier},
            "code": {"type": "object", "properties": {"coding": {"type": "array", "items": coding}, "text": TEXT}},
            "subject": {"type": "object", "properties": {"reference": TEXT}},
        },
    }
