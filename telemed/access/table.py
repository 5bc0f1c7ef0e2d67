"""The access table: which role may do what with which kind of resource.

Read it as: a nurse may create, read, update and search (`crus`) clinical resources. What is not written here is not
allowed. The table only says which actions exist for a role; `policy.py` narrows them to the rows a tenant may reach,
and a token's scopes narrow them further.
"""

from enum import StrEnum

from infra.caller import Role

# Letters as in SMART scopes: create, read (also vread and instance history), update, delete, search (also type history)
ALL, KEEP, LOOK, NONE = "cruds", "crus", "rs", ""


class Group(StrEnum):
    """Kinds of resources that are treated alike."""

    DIRECTORY = "directory"
    CALENDAR = "calendar"
    PERSON = "person"
    BOOKING = "booking"
    CLINICAL = "clinical"
    TASK = "task"
    COORDINATION = "coordination"
    CONSENT = "consent"
    FORMS = "forms"
    DEVICES = "devices"
    TRACE = "trace"
    TECHNICAL = "technical"


MEMBERS: dict[Group, tuple[str, ...]] = {
    Group.DIRECTORY: ("Organization", "Location", "HealthcareService", "Practitioner", "PractitionerRole"),
    Group.CALENDAR: ("Schedule", "Slot"),
    Group.PERSON: ("Patient", "RelatedPerson"),
    Group.BOOKING: ("Appointment", "AppointmentResponse"),
    # With documents as a whole (Bundle, Binary) and who made what from what (Provenance).
    Group.CLINICAL: (
        "Encounter", "EpisodeOfCare", "Condition", "Observation", "Procedure", "AllergyIntolerance", "MedicationStatement",
        "MedicationRequest", "Immunization", "ServiceRequest", "QuestionnaireResponse", "DocumentReference", "Composition",
        "Flag", "Group", "Provenance", "Binary", "Bundle",
    ),
    Group.TASK: ("Task",),  # apart, for who reviews looks without seeing plans
    Group.COORDINATION: ("CareTeam", "CarePlan", "Goal", "Communication", "CommunicationRequest"),
    Group.CONSENT: ("Consent",),
    Group.FORMS: ("Questionnaire",),
    Group.DEVICES: ("Device", "DeviceMetric"),  # a device may be in a patient, so this is not for reception
    Group.TRACE: ("AuditEvent",),
    Group.TECHNICAL: ("Subscription", "CapabilityStatement", "OperationOutcome"),
}  # fmt: skip
GROUP: dict[str, Group] = {type: group for group, types in MEMBERS.items() for type in types}

# Readable in the whole region, written by their own tenant only (DESIGN 5).
REGION_WIDE = frozenset(MEMBERS[Group.DIRECTORY] + MEMBERS[Group.CALENDAR])

_EVERYTHING = dict.fromkeys(Group, ALL)
_NOTHING = dict.fromkeys(Group, NONE)
_DIRECTORY_ONLY = _NOTHING | {Group.DIRECTORY: LOOK, Group.CALENDAR: LOOK}

ALLOWED: dict[Role, dict[Group, str]] = {
    # A clinic's own system, as far as its scopes go; AuditEvents that clients send can't be changed afterwards.
    Role.SYSTEM: _EVERYTHING | {Group.TRACE: "crs"},
    # The platform's own acts (delivery, demo, slot building). No token and no session leads to this role.
    Role.SERVICE: _EVERYTHING | {Group.TRACE: "crs"},
    Role.PHYSICIAN: _EVERYTHING
    | {Group.DIRECTORY: LOOK, Group.PERSON: KEEP, Group.BOOKING: KEEP, Group.CONSENT: KEEP}
    | {Group.FORMS: LOOK, Group.DEVICES: KEEP, Group.TRACE: NONE, Group.TECHNICAL: NONE},
    Role.NURSE: dict.fromkeys(Group, KEEP)
    | {Group.DIRECTORY: LOOK, Group.CALENDAR: LOOK, Group.FORMS: LOOK}
    | {Group.TRACE: NONE, Group.TECHNICAL: NONE},
    # Coordinates care without reading notes.
    Role.COORDINATOR: _DIRECTORY_ONLY
    | {Group.PERSON: LOOK, Group.BOOKING: KEEP, Group.TASK: KEEP, Group.COORDINATION: KEEP}
    | {Group.CONSENT: LOOK, Group.FORMS: LOOK},
    Role.RECEPTIONIST: _DIRECTORY_ONLY
    | {Group.CALENDAR: ALL, Group.PERSON: KEEP, Group.BOOKING: KEEP, Group.CONSENT: KEEP, Group.FORMS: LOOK},
    # The one appointment of a join code, or by an app the own record in one clinic. Writing is by the ways made for it
    # ("My data": requests, consents), where somebody answers.
    Role.PATIENT: dict.fromkeys(Group, LOOK) | {Group.TRACE: NONE, Group.TECHNICAL: NONE},
    # Checks who looked, what was agreed to and what was reviewed, in the own clinic; no clinical read.
    Role.PRIVACY_OFFICER: _DIRECTORY_ONLY | {Group.TRACE: LOOK, Group.CONSENT: LOOK, Group.TASK: "rus"},
    # Approves what is published; sees published tables only.
    Role.RELEASE_BOARD: _DIRECTORY_ONLY,
    # Sees published tables only.
    Role.ANALYST: _DIRECTORY_ONLY,
    # Keeps the service running; no clinical read.
    Role.OPERATOR: _DIRECTORY_ONLY | {Group.DIRECTORY: KEEP},
}

# The scope context (SMART) that a role's scopes must have. SERVICE has no token, hence no scopes.
CONTEXT: dict[Role, str] = dict.fromkeys(Role, "user") | {Role.SYSTEM: "system", Role.PATIENT: "patient"}


def letters(role: Role, type: str) -> str:
    """The letters of cruds that the role has for the type, before scopes and before rows; empty for an unknown type."""
    group = GROUP.get(type)
    return ALLOWED[role][group] if group else NONE
