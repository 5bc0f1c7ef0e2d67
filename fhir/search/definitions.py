"""The search parameters of every served type: one line each, the standard's names and paths.

https://hl7.org/fhir/R4/searchparameter-registry.html
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from fhir.models import SERVED

Path = tuple[str, ...]


class Kind(Enum):
    """How the values of a parameter are compared."""

    TOKEN = "token"
    REFERENCE = "reference"
    CANONICAL = "canonical"  # a reference in the standard's list of parameters
    URI = "uri"
    STRING = "string"
    DATE = "date"
    QUANTITY = "quantity"
    COMPOSITE = "composite"
    SPECIAL = "special"  # `Location.near`


class Index(Enum):
    """What the index holds of a parameter."""

    OWN = "own"  # a token per value
    COMPOUND = "compound"  # few different values: only together with the anchor (the patient) or the day
    ELSEWHERE = "elsewhere"  # the tokens of other parameters, which hold the same values


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a composite: it is compared like the parameter of this name and kind."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter of one type."""

    name: str
    kind: Kind
    paths: tuple[Path, ...]
    index: Index = Index.OWN
    targets: tuple[str, ...] = ()  # of a reference: the types it can name
    system: str = ""  # of a plain code: the code system it comes from
    lookup: tuple[str, ...] = ()  # whose tokens a search asks; itself if empty
    indexed: tuple[Path, ...] | None = None  # what is indexed under this name if it is not all paths
    components: tuple[Component, ...] = ()  # of a composite


@dataclass(frozen=True, slots=True)
class TypeParameters:
    """The parameters of a type, and the two that low-entropy codes are compounded with."""

    parameters: dict[str, Parameter]
    anchor: Parameter | None
    date: Parameter | None


_HL7: Final = "http://hl7.org/fhir/"
_ACTORS: Final = (
    "Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Device", "HealthcareService", "Location",
)  # fmt: skip
_PERSONS: Final = ("Patient", "Practitioner", "PractitionerRole", "RelatedPerson")
_PARTIES: Final = (*_PERSONS, "Organization", "Device")
_TEAM: Final = (*_PARTIES, "CareTeam", "HealthcareService")
ANY: Final = SERVED


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(tuple(path.split(".")) for path in text.split())


def _token(name: str, paths: str) -> Parameter:
    return Parameter(name, Kind.TOKEN, _paths(paths))


def _code(name: str, paths: str, *, system: str = "") -> Parameter:
    return Parameter(name, Kind.TOKEN, _paths(paths), index=Index.COMPOUND, system=system)


def _date(name: str, paths: str) -> Parameter:
    return Parameter(name, Kind.DATE, _paths(paths))


def _text(name: str, paths: str) -> Parameter:
    return Parameter(name, Kind.STRING, _paths(paths))


def _to(name: str, paths: str, *targets: str) -> Parameter:
    return Parameter(name, Kind.REFERENCE, _paths(paths), targets=targets)


def _within(name: str, paths: str, targets: tuple[str, ...], *lookup: str) -> Parameter:
    return Parameter(name, Kind.REFERENCE, _paths(paths), Index.ELSEWHERE, targets, lookup=lookup, indexed=())


def _patient(paths: str = "subject", *lookup: str) -> Parameter:
    return _within("patient", paths, ("Patient",), *(lookup or ("subject",)))


def _status(system: str, *, name: str = "status", paths: str = "status") -> Parameter:
    return _code(name, paths, system=_HL7 + system)


_IDENTIFIER: Final = _token("identifier", "identifier")
_SUBJECT: Final = _to("subject", "subject", "Patient", "Group")
_HUMAN_NAME: Final = Parameter(
    "name",
    Kind.STRING,
    _paths("name.family name.given name.text name.prefix name.suffix"),
    lookup=("family", "given", "name"),
    indexed=_paths("name.text name.prefix name.suffix"),
)
_NAMES: Final = (_HUMAN_NAME, _text("family", "name.family"), _text("given", "name.given"))

_TABLE: Final[dict[str, tuple[Parameter, ...]]] = {
    "Patient": (_IDENTIFIER, *_NAMES, _date("birthdate", "birthDate")),
    "RelatedPerson": (
        _IDENTIFIER,
        _text("name", "name.family name.given name.text name.prefix name.suffix"),
        _date("birthdate", "birthDate"),
        _to("patient", "patient", "Patient"),
    ),
    "Practitioner": (_IDENTIFIER, *_NAMES),
    "PractitionerRole": (
        _IDENTIFIER,
        _to("practitioner", "practitioner", "Practitioner"),
        _to("organization", "organization", "Organization"),
        _to("location", "location", "Location"),
    ),
    "Organization": (_IDENTIFIER, _text("name", "name alias"), _to("partof", "partOf", "Organization")),
    "Location": (
        _IDENTIFIER,
        _text("name", "name alias"),
        _to("organization", "managingOrganization", "Organization"),
    ),
    "HealthcareService": (
        _IDENTIFIER,
        _text("name", "name"),
        _to("organization", "providedBy", "Organization"),
        _to("location", "location", "Location"),
    ),
    "Schedule": (_IDENTIFIER, _to("actor", "actor", *_ACTORS), _date("date", "planningHorizon")),
    "Slot": (_IDENTIFIER, _to("schedule", "schedule", "Schedule"), _date("start", "start"), _status("slotstatus")),
    "Appointment": (
        _IDENTIFIER,
        _to("actor", "participant.actor", *_ACTORS),
        _patient("participant.actor", "actor"),
        _within("practitioner", "participant.actor", ("Practitioner",), "actor"),
        _within("location", "participant.actor", ("Location",), "actor"),
        _date("date", "start"),
        _status("appointmentstatus"),
        _to("slot", "slot", "Slot"),
    ),
    "Encounter": (
        _IDENTIFIER,
        _SUBJECT,
        _patient(),
        _date("date", "period"),
        _status("encounter-status"),
        _to("appointment", "appointment", "Appointment"),
        _to("service-provider", "serviceProvider", "Organization"),
    ),
    "Condition": (
        _IDENTIFIER,
        _SUBJECT,
        _patient(),
        _code("code", "code"),
        _code("clinical-status", "clinicalStatus"),
        _date("recorded-date", "recordedDate"),
        _to("encounter", "encounter", "Encounter"),
    ),
    "Observation": (
        _IDENTIFIER,
        _to("subject", "subject", "Patient", "Group", "Device", "Location"),
        _patient(),
        _code("code", "code"),
        _code("category", "category"),
        _status("observation-status"),
        _date("date", "effectiveDateTime effectivePeriod effectiveInstant effectiveTiming"),
        _to("encounter", "encounter", "Encounter"),
    ),
    "ServiceRequest": (
        _IDENTIFIER,
        _to("subject", "subject", "Patient", "Group", "Device", "Location"),
        _patient(),
        _code("code", "code"),
        _status("request-status"),
        _date("authored", "authoredOn"),
        _to("requester", "requester", *_PARTIES),
        _to("performer", "performer", *_TEAM),
    ),
    "Task": (
        _IDENTIFIER,
        _to("subject", "for", *ANY),
        _patient("for"),
        _code("code", "code"),
        _status("task-status"),
        _to("owner", "owner", *_TEAM),
        _to("focus", "focus", *ANY),
        _date("authored-on", "authoredOn"),
    ),
    "CarePlan": (_IDENTIFIER, _SUBJECT, _patient(), _status("request-status"), _date("date", "period")),
    "CareTeam": (
        _IDENTIFIER,
        _SUBJECT,
        _patient(),
        _to("participant", "participant.member", *_PERSONS, "Organization", "CareTeam"),
        _status("care-team-status"),
        _date("date", "period"),
    ),
    "Consent": (
        _IDENTIFIER,
        _to("patient", "patient", "Patient"),
        _code("category", "category"),
        _status("consent-state-codes"),
        _date("date", "dateTime"),
    ),
    "Communication": (
        _IDENTIFIER,
        _SUBJECT,
        _patient(),
        _status("event-status"),
        _date("sent", "sent"),
        _to("sender", "sender", *_PARTIES, "HealthcareService"),
        _to("recipient", "recipient", *_TEAM, "Group"),
    ),
    "Questionnaire": (
        _IDENTIFIER,
        _text("name", "name"),
        _text("title", "title"),
        Parameter("url", Kind.URI, _paths("url")),
        _status("publication-status"),
        _date("date", "date"),
    ),
    "QuestionnaireResponse": (
        _IDENTIFIER,
        _to("subject", "subject", *ANY),
        _patient(),
        _status("questionnaire-answers-status"),
        _date("authored", "authored"),
        Parameter("questionnaire", Kind.CANONICAL, _paths("questionnaire")),
    ),
    "DocumentReference": (
        Parameter("identifier", Kind.TOKEN, _paths("masterIdentifier identifier")),
        _to("subject", "subject", "Patient", "Practitioner", "Group", "Device"),
        _patient(),
        _code("type", "type"),
        _code("category", "category"),
        _status("document-reference-status"),
        _date("date", "date"),
    ),
    "AuditEvent": (
        _to("agent", "agent.who", *_PARTIES),
        _to("entity", "entity.what", *ANY),
        _patient("agent.who entity.what", "agent", "entity"),
        _date("date", "recorded"),
    ),
}

# The parameter whose value, beside the day, hides a low-entropy code; on types that are about nobody, what they belong to.
_ANCHORS: Final = {"Slot": "schedule"}


def _of_type(type: str) -> TypeParameters:
    parameters = {parameter.name: parameter for parameter in _TABLE[type]}
    dates = [parameter for parameter in _TABLE[type] if parameter.kind is Kind.DATE]
    return TypeParameters(parameters, parameters.get(_ANCHORS.get(type, "patient")), dates[0] if dates else None)


PARAMETERS: Final[dict[str, TypeParameters]] = {type: _of_type(type) for type in SERVED}
# These stand in columns of their own, so every type has them and no token is made.
COLUMNS: Final = ("_id", "_lastUpdated")


def names(type: str) -> list[str]:
    """The names of the parameters that select resources of a type, in alphabetical order."""
    return sorted((*COLUMNS, *PARAMETERS[type].parameters))
