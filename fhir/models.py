"""The resource types that are served, and their R4B model classes, imported when first needed.

R4B and not R4: for these types no element differs (the few differences of data types and reference targets are
checked in `fhir.rules`), and the library has no R4 models. Its import takes a second, so nothing here runs it early.
"""

from functools import cache
from importlib import import_module
from typing import Any, Final

from infra.problems import NotFound

# The whitelist: the library knows 140 types, among them some that are not in R4 at all. A Bundle that is posted to
# the base is carried out; here it is one that is kept (a document, a collection).
SERVED: Final = (
    "Patient", "RelatedPerson", "Practitioner", "PractitionerRole", "Organization", "Location", "HealthcareService",
    "Schedule", "Slot", "Appointment", "AppointmentResponse", "Encounter", "EpisodeOfCare", "Condition", "Observation",
    "Procedure", "AllergyIntolerance", "MedicationStatement", "MedicationRequest", "Immunization", "CarePlan",
    "CareTeam", "Goal", "Task", "ServiceRequest", "Communication", "CommunicationRequest", "QuestionnaireResponse",
    "Questionnaire", "DocumentReference", "Composition", "Consent", "Provenance", "AuditEvent", "Flag", "Device",
    "DeviceMetric", "Binary", "Bundle", "OperationOutcome", "CapabilityStatement", "Group", "Subscription",
)  # fmt: skip
KNOWN: Final = frozenset(SERVED)
_SPELLED: Final = {type.lower(): type for type in SERVED}


class TypeNotServed(NotFound):
    """This resource type is not served here. See /fhir/metadata for the types that are."""

    issue = "not-supported"


def spelled(type: str) -> str | None:
    """The served type that is written so but for its capitals, if there is one."""
    return _SPELLED.get(type.lower())


def require_served(type: str) -> str:
    """The type itself if it is one of the served types; otherwise a 404 that says so."""
    if type not in KNOWN:
        meant = spelled(type)
        raise TypeNotServed(f"Types are written with capitals here: {meant}." if meant else "")
    return type


@cache
def model(type: str) -> Any:
    """The R4B model class of a resource or data type, by its FHIR name; KeyError for names that R4B does not have."""
    _models_made_when_needed()
    try:
        module = import_module(f"fhir.resources.R4B.{type.lower()}")
    except ModuleNotFoundError as absent:
        raise KeyError(type) from absent
    return getattr(module, type)


@cache
def _models_made_when_needed() -> None:
    # Importing a type imports all that it holds; pydantic then prepares only those classes that are used.
    import_module("fhir_core.fhirabstractmodel").FHIRAbstractModel.set_global_model_config(defer_build=True)
