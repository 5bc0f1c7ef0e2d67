"""SMART scopes: only the version 2 syntax, and nothing wider than what was registered."""

import pytest

from telemed.access.scopes import bounds, parse, within


@pytest.mark.parametrize(
    "text",
    [
        "system/*.read",
        "system/*.*",
        "system/*.sdurc",
        "system/*.",
        "System/*.cruds",
        "system/*.cruds ",
        " system/*.cruds",
        "system/patient.r",
        "system/Observation.rs?",
        "system/Observation.rs?nonsense=laboratory",
        "system/Observation.rs?category=laboratory&_count=5",
        "system/Observation.rs?_id=5",
        "system/Observation.rs?date=2026",
        "system/Observation.rs?subject:Patient.name=x",
        "system/Observation.rs?_has:Provenance:target:agent=x",
        "system/*.rs?category=laboratory",
        "system/AuditEvent.rs?type=rest",
        "system/Observation.rs?category=labor atory",
        'system/Observation.rs?category="x"',
        "system/Observation.rs?category=x\ty",
        "launch",
        "openid",
        "",
        "system/*.r\n",
        "syst\u0435m/*.r",
    ],
)
def test_a_scope_that_is_not_served_opens_nothing(text: str) -> None:
    assert parse(text) is None
    assert not within([text], ["system/*.cruds"])
    assert bounds([text], ["system"], type="Observation", letter="r") is None


def test_a_scope_covers_its_type_and_its_letters_alone() -> None:
    scopes = ["system/Observation.rs"]

    assert bounds(scopes, ["system"], type="Observation", letter="r") is not None
    assert bounds(scopes, ["system"], type="Observation", letter="c") is None
    assert bounds(scopes, ["system"], type="Condition", letter="r") is None
    assert bounds(scopes, ["user"], type="Observation", letter="r") is None


@pytest.mark.parametrize(
    ("requested", "registered"),
    [
        ("system/*.cruds", "system/*.cruds"),
        ("system/Patient.rs", "system/*.cruds"),
        ("system/Patient.rs", "system/Patient.r system/*.s"),
    ],
)
def test_a_request_within_the_registration_is_granted(requested: str, registered: str) -> None:
    assert within(requested.split(), registered.split())


@pytest.mark.parametrize(
    ("requested", "registered"),
    [
        ("system/*.rs", "system/Patient.rs"),
        ("user/*.cruds", "system/*.cruds"),
        ("system/*.cruds", "system/*.rs"),
        ("system/Patient.r system/Condition.c", "system/Patient.cruds"),
    ],
)
def test_a_request_beyond_the_registration_is_refused(requested: str, registered: str) -> None:
    assert not within(requested.split(), registered.split())
