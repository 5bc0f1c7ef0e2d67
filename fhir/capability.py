"""What the server can do, in one table: the routes ask it, and /fhir/metadata is made from it.

https://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections.abc import Mapping
from typing import Any, Final

from fhir.choices import Choices, Dangling
from fhir.models import SERVED, require_served
from fhir.policy import Action
from fhir.search.definitions import COLUMNS, PARAMETERS, Kind, Parameter
from infra.problems import NotFound, Problem

_ALL: Final[tuple[Action, ...]] = tuple(action for action in Action if action is not Action.OPERATION)
# The log of accesses is read here, so nothing of this type can be changed or deleted.
INTERACTIONS: Final[dict[str, tuple[Action, ...]]] = dict.fromkeys(SERVED, _ALL) | {
    "AuditEvent": (Action.CREATE, Action.READ, Action.SEARCH)
}
SEARCHED: Final = tuple(type for type, actions in INTERACTIONS.items() if Action.SEARCH in actions)
SYSTEM: Final = ("transaction", "batch", "history-system")
FORMATS: Final = ("json", "application/fhir+json")
PATCH_FORMATS: Final = ("application/json-patch+json", "application/fhir+json")
# Names without the dollar sign, by resource type; whoever adds routes for operations says so (telemed.app).
Operations = Mapping[str, tuple[str, ...]]
NO_OPERATIONS: Final[Operations] = {}
# The operations of the standard that every type has if it has the interactions they need.
STANDARD: Final[dict[str, Action]] = {
    "validate": Action.CREATE, "meta": Action.READ, "meta-add": Action.UPDATE, "meta-delete": Action.UPDATE
}  # fmt: skip
_STANDARD_DEFINITION: Final = "http://hl7.org/fhir/OperationDefinition/Resource"
_EVERYTHING: Final = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
DEFINITIONS: Final = "https://telemed.example/fhir/OperationDefinition"
# Operations that the standard defines for one type alone.
_OF_R4: Final = {("Patient", "match"): "http://hl7.org/fhir/OperationDefinition/Patient-match"}
_KINDS: Final = {"_id": "token", "_lastUpdated": "date"}


class NotOffered(Problem):
    """This interaction is not offered for this resource type. See /fhir/metadata for those that are."""

    status, issue = 405, "not-supported"


class NoSuchOperation(NotFound):
    """This operation is not offered, not at this address. See /fhir/metadata for those that are."""

    issue = "not-supported"


def require(type: str, action: Action) -> None:
    """Nothing; 404 for a type that is not served, 405 for an interaction that is not offered on it."""
    if action not in INTERACTIONS[require_served(type)]:
        raise NotOffered


def statement(
    *,
    base_url: str,
    date: str,
    version: str,
    operations: Operations = NO_OPERATIONS,
    choices: Choices = Choices(),  # noqa: B008  # frozen
) -> dict[str, Any]:
    """The CapabilityStatement of this server."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "telemed", "version": version},
        "implementation": {"description": "Telemedicine platform of a region", "url": base_url},
        "fhirVersion": "4.0.1",
        "format": list(FORMATS),
        "patchFormat": list(PATCH_FORMATS),
        "rest": [
            {
                "mode": "server",
                "security": {
                    "cors": True,
                    "service": [
                        {
                            "coding": [
                                {
                                    "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                                    "code": "SMART-on-FHIR",
                                }
                            ]
                        }
                    ],
                },
                "resource": [_resource(type, choices) | _offered(type, operations) for type in SERVED],
                "interaction": [{"code": code} for code in SYSTEM],
                "operation": [{"name": "meta", "definition": f"{_STANDARD_DEFINITION}-meta"}],
            }
        ],
    }


def _resource(type: str, choices: Choices) -> dict[str, Any]:
    actions = INTERACTIONS[type]
    deletes = str(choices.conditional_delete) if Action.DELETE in actions else "not-supported"
    return {
        "type": type,
        "interaction": [{"code": str(action)} for action in actions],
        "versioning": "versioned" if Action.VREAD in actions else "no-version",
        "readHistory": Action.VREAD in actions,
        "updateCreate": choices.update_creates and Action.UPDATE in actions,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": Action.UPDATE in actions,
        "conditionalDelete": deletes,
        "referencePolicy": ["literal", "logical", "local", *_enforced(choices)],
        **_included(type),
        "searchParam": [
            *({"name": name, "type": _KINDS[name]} for name in COLUMNS),
            *(
                {"name": name, "type": _search_type(parameter.kind.value)}
                for name, parameter in PARAMETERS[type].parameters.items()
            ),
        ],
    }


def _offered(type: str, operations: Operations) -> dict[str, Any]:
    standard = [name for name, action in STANDARD.items() if action in INTERACTIONS[type]]
    named = [{"name": name, "definition": f"{_STANDARD_DEFINITION}-{name}"} for name in standard]
    named += [{"name": "everything", "definition": _EVERYTHING}] if type == "Patient" else []
    return {"operation": named + [_operation(type, name) for name in operations.get(type, ())]}


def _operation(type: str, name: str) -> dict[str, Any]:
    return {"name": name, "definition": _OF_R4.get((type, name)) or f"{DEFINITIONS}/{type}-{name}"}


def _enforced(choices: Choices) -> list[str]:
    return ["enforced"] if choices.dangling is Dangling.REFUSE else []


def _included(type: str) -> dict[str, list[str]]:
    forward = [f"{type}:{name}" for name, parameter in PARAMETERS[type].parameters.items() if _refers(parameter)]
    both = {"searchInclude": forward, "searchRevInclude": _REVERSE_INCLUDES[type]}
    return {name: values for name, values in both.items() if values}


def _refers(parameter: Parameter) -> bool:
    return parameter.kind in (Kind.REFERENCE, Kind.CANONICAL)


def _reverse_includes() -> dict[str, list[str]]:
    """What refers to each type, found in one walk over all parameters."""
    found: dict[str, list[str]] = {type: [] for type in SERVED}
    for other in SERVED:
        for name, parameter in PARAMETERS[other].parameters.items():
            if _refers(parameter):
                for type in parameter.targets:
                    if type in found:
                        found[type].append(f"{other}:{name}")
    return found


_REVERSE_INCLUDES: Final = _reverse_includes()


def _search_type(kind: str) -> str:
    # A canonical is searched like a reference (https://hl7.org/fhir/R4/search.html#reference).
    return "reference" if kind == "canonical" else kind
