"""The access table, row by row: every role, every type, every action."""

import itertools

import pytest

from fhir.models import SERVED
from fhir.policy import REGION_WIDE, Action
from infra.caller import Role
from telemed.access import table
from telemed.access.policy import LETTER, decision
from telemed.access.rule import Reach
from telemed.access.table import CONTEXT

# Written out by hand, on purpose not read from the code: role -> group of types -> letters.
EXPECTED = {
    # role:            directory calendar person booking clinical task  coordination consent forms devices trace technical
    "system": "         cruds     cruds    cruds  cruds   cruds    cruds cruds        cruds   cruds cruds   crs   cruds",
    "service": "        cruds     cruds    cruds  cruds   cruds    cruds cruds        cruds   cruds cruds   crs   cruds",
    "physician": "      rs        cruds    crus   crus    cruds    cruds cruds        crus    rs    crus    -     -",
    "nurse": "          rs        rs       crus   crus    crus     crus  crus         crus    rs    crus    -     -",
    "coordinator": "    rs        rs       rs     crus    -        crus  crus         rs      rs    -       -     -",
    "receptionist": "   rs        cruds    crus   crus    -        -     -            crus    rs    -       -     -",
    "patient": "        rs        rs       rs     rs      rs       rs    rs           rs      rs    rs      -     -",
    "privacy-officer": "rs        rs       -      -       -        rus   -            rs      -     -       rs    -",
    "release-board": "  rs        rs       -      -       -        -     -            -       -     -       -     -",
    "analyst": "        rs        rs       -      -       -        -     -            -       -     -       -     -",
    "operator": "       crus      rs       -      -       -        -     -            -       -     -       -     -",
}
GROUPS = [
    "Organization Location HealthcareService Practitioner PractitionerRole",
    "Schedule Slot",
    "Patient RelatedPerson",
    "Appointment AppointmentResponse",
    (
        "Encounter EpisodeOfCare Condition Observation Procedure AllergyIntolerance MedicationStatement MedicationRequest"
        " Immunization ServiceRequest QuestionnaireResponse DocumentReference Composition Flag Group Provenance Binary Bundle"
    ),
    "Task",
    "CareTeam CarePlan Goal Communication CommunicationRequest",
    "Consent",
    "Questionnaire",
    "Device DeviceMetric",
    "AuditEvent",
    "Subscription CapabilityStatement OperationOutcome",
]
EVERYTHING = frozenset(["system/*.cruds", "user/*.cruds", "patient/*.cruds"])


def decide(role: Role, scopes: frozenset[str], action: Action, type: str) -> Reach | None:
    """How far the action goes, whatever of it the scopes leave; None if it is refused."""
    found = decision(role, scopes, False, action, type)
    return None if found is None else found.reach


def letters_of(role: Role, type: str) -> str:
    """What the role may do with the type, by the table above."""
    column = next(index for index, types in enumerate(GROUPS) if type in types.split())
    return EXPECTED[role.value].split()[column].replace("-", "")


@pytest.mark.parametrize("role", list(Role))
def test_every_role_may_do_what_the_table_says_and_nothing_else(role: Role) -> None:
    for type, action in itertools.product(SERVED, Action):
        allowed = decide(role, EVERYTHING, action, type) is not None

        assert allowed == (set(LETTER[action]) <= set(letters_of(role, type))), (role, type, action)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SERVICE])
def test_without_a_scope_no_role_may_do_anything(role: Role) -> None:
    for type, action in itertools.product(SERVED, Action):
        assert decide(role, frozenset(), action, type) is None


def test_who_may_only_update_patches_nothing_as_a_patch_tells_what_is_there() -> None:
    for scopes, allowed in ((["system/Patient.u"], False), (["system/Patient.ru"], True)):
        assert (decide(Role.SYSTEM, frozenset(scopes), Action.PATCH, "Patient") is not None) is allowed
        assert decide(Role.SYSTEM, frozenset(scopes), Action.UPDATE, "Patient") is not None

    parts = frozenset({"system/Observation.u", "system/Observation.r?category=laboratory"})
    apart = frozenset({"system/Observation.u?category=vital-signs", "system/Observation.r?category=laboratory"})
    found = decision(Role.SYSTEM, parts, False, Action.PATCH, "Observation")
    assert found is not None and [bound.query for bound in found.left] == ["category=laboratory"]
    assert decision(Role.SYSTEM, apart, False, Action.PATCH, "Observation") is None


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SERVICE])
def test_scopes_of_another_context_open_nothing(role: Role) -> None:
    others = EVERYTHING - {f"{CONTEXT[role]}/*.cruds"}

    for type, action in itertools.product(SERVED, Action):
        assert decide(role, others, action, type) is None


def test_a_scope_narrows_a_role_and_never_widens_it() -> None:
    narrow = frozenset(["user/Observation.r"])

    assert decide(Role.NURSE, narrow, Action.READ, "Observation") is Reach.RECORD
    assert decide(Role.NURSE, narrow, Action.SEARCH, "Observation") is None
    assert decide(Role.ANALYST, narrow, Action.READ, "Observation") is None


def test_every_served_type_has_a_place_in_the_table() -> None:
    assert set(table.GROUP) == set(SERVED)
    assert table.REGION_WIDE == REGION_WIDE


def test_a_type_that_the_table_does_not_know_is_refused() -> None:
    assert decide(Role.SYSTEM, EVERYTHING, Action.READ, "Basic") is None


def test_changes_reach_only_own_rows_and_region_wide_types_are_read_by_all() -> None:
    for type, action in itertools.product(SERVED, Action):
        reach = decide(Role.SYSTEM, EVERYTHING, action, type)

        if reach is not None and action.changes:
            assert reach is Reach.OWN_CHANGE
        elif reach is not None:
            assert reach is (Reach.REGION if type in REGION_WIDE else Reach.RECORD)
