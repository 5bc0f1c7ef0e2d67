"""One row per distinct person: who is in the cohort, and with which details."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymise.hierarchies import chapter_of
from anonymise.moments import moment
from anonymise.periods import Quarter, last_complete, period_named
from anonymise.problems import DefinitionInvalid, InputInvalid
from tests.anonymise.builders import KIEL, LABOE, NOW, PLOEN, QUARTER, Record


def test_one_person_with_forty_encounters_in_twelve_clinics_counts_once() -> None:
    record = Record()
    for number in range(40):
        record.encounter("ada", end=f"2026-08-{number % 28 + 1:02}T10:{number:02}:00Z")
    for clinic in range(12):
        record.patient("ada", at=f"2026-01-{clinic + 1:02}T00:00:00Z")
        record.consent("ada", at=f"2026-02-{clinic + 1:02}T00:00:00Z")

    cohort = record.cohort()

    assert cohort.persons["person"].to_list() == ["ada"]


def test_details_come_from_the_most_recent_registration_and_the_last_encounter() -> None:
    record = Record()
    record.whole("ada")
    record.patient("ada", place=LABOE, born="1950-02-03", at="2026-06-01T00:00:00Z", gender="male")
    record.patient("ada", place=PLOEN, at="2025-06-01T00:00:00Z")
    record.encounter("ada", end="2026-09-30T21:00:00Z", code="I10.00")
    record.encounter("ada", end="2026-09-01T21:00:00Z", code="M54.5")

    row = record.cohort().persons.row(0)

    assert row == ("ada", "clinic-a", LABOE, "70-79", "male", "I00-I99")


@pytest.mark.parametrize(
    ("end", "counts"),
    [
        ("2026-07-01T00:00:00+02:00", True),
        ("2026-06-30T23:59:59+02:00", False),
        ("2026-09-30T21:59:59Z", True),
        ("2026-09-30T22:00:00Z", False),
        ("2026-09-30", True),
        ("not a time", False),
    ],
)
def test_the_quarter_begins_and_ends_in_the_time_of_the_region(end: str, counts: bool) -> None:  # noqa: FBT001
    record = Record()
    record.consent("ada")
    record.patient("ada")
    record.encounter("ada", end=end)

    assert record.cohort().persons.height == int(counts)


@pytest.mark.parametrize(
    "other", [{"status": "in-progress"}, {"class": {"code": "IMP"}}, {"status": "entered-in-error"}]
)
def test_only_finished_outpatient_encounters_count(other: dict[str, Any]) -> None:
    record = Record()
    record.consent("ada")
    record.patient("ada")
    record.encounter("ada", **other)

    assert record.cohort().treated == 0


def test_without_a_standing_permit_a_person_is_not_in_the_cohort() -> None:
    record = Record()
    for person in ("never", "refused", "withdrawn", "later", "same", "again"):
        record.encounter(person)
        record.patient(person)
    record.consent("refused", at="2026-01-01T00:00:00Z")
    record.consent("refused", kind="deny", at="2026-02-01T00:00:00Z")
    record.consent("withdrawn", status="inactive")
    record.consent("later", at=(NOW + timedelta(days=1)).isoformat())
    record.consent("same", at="2026-01-01T00:00:00Z")
    record.consent("same", kind="deny", at="2026-01-01T00:00:00Z")
    record.consent("again", kind="deny", at="2026-01-01T00:00:00Z")
    record.consent("again", at="2026-02-01T00:00:00Z")

    cohort = record.cohort()

    assert cohort.persons["person"].to_list() == ["again"]
    assert (cohort.treated, cohort.not_permitted) == (6, 5)


@pytest.mark.parametrize(
    ("statements", "counts"),
    [
        ([("a", "deny", "01"), ("b", "permit", "02")], False),
        ([("b", "permit", "02"), ("a", "deny", "01")], False),
        ([("a", "permit", "01"), ("b", "deny", "02")], False),
        ([("a", "permit", "01"), ("b", "permit", "02")], True),
        ([("a", "deny", "01"), ("b", "permit", "02"), ("a", "permit", "03")], True),
        ([("a", "permit", "03"), ("b", "permit", "02"), ("a", "deny", "04")], False),
        ([("a", "deny", "03"), ("b", "permit", "02"), ("a", "permit", "03")], False),
    ],
)
def test_a_permit_at_one_clinic_never_overrides_the_standing_refusal_at_another(
    statements: list[tuple[str, str, str]],
    counts: bool,  # noqa: FBT001
) -> None:
    record = Record()
    record.encounter("ada")
    record.patient("ada")
    for clinic, kind, month in statements:
        record.consent("ada", kind, at=f"2026-{month}-01T00:00:00Z", clinic=clinic)

    cohort = record.cohort()

    assert (cohort.persons.height, cohort.not_permitted) == (int(counts), int(not counts))


@pytest.mark.parametrize(
    ("kind", "narrowed", "counts"),
    [
        ("permit", {"period": {"start": "2026-01-01", "end": "2099-12-31"}}, True),
        ("permit", {"period": {"end": "2026-01-31"}}, False),
        ("permit", {"period": {"start": "2099-01-01"}}, False),
        ("permit", {"period": {"end": "soon"}}, False),
        ("permit", {"provision": [{"type": "deny"}]}, False),
        ("permit", {"actor": [{}]}, False),
        ("deny", {"period": {"end": "2026-01-31"}}, True),
        ("deny", {"period": {"end": "soon"}}, False),
        ("deny", {"period": {"end": "2099"}}, False),
        ("deny", {"actor": [{}]}, False),
    ],
)
def test_a_statement_holds_in_its_period_and_only_a_plain_yes_is_one(
    kind: str,
    narrowed: dict[str, Any],
    counts: bool,  # noqa: FBT001
) -> None:
    record = Record()
    record.encounter("ada")
    record.patient("ada")
    if kind == "deny":
        record.consent("ada", clinic="b")
    record.consent("ada", provision={"type": kind, **narrowed}, clinic="a")

    assert record.cohort().persons.height == int(counts)


def test_consent_to_something_else_is_no_consent_to_the_statistics() -> None:
    record = Record()
    record.encounter("ada")
    record.patient("ada")
    record.consent("ada", category=[{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}])

    assert record.cohort().persons.is_empty()


def test_who_lives_elsewhere_is_not_in_the_cohort_and_what_is_not_known_is_said() -> None:
    record = Record()
    for person in ("hamburg", "ageless", "uncoded"):
        record.encounter(person, code="J06.9" if person != "uncoded" else "?")
        record.consent(person)
    record.patient("hamburg", place="02000000")
    record.patient("ageless", born=None, gender="unknown")
    record.patient("uncoded")

    cohort = record.cohort()

    assert cohort.outside == 1
    assert cohort.persons.rows() == [
        ("ageless", "clinic-a", KIEL, "unknown", "other", "J00-J99"),
        ("uncoded", "clinic-a", KIEL, "30-39", "female", "unknown"),
    ]


def test_age_is_that_of_the_last_day_of_the_quarter() -> None:
    record = Record()
    for person, born in (("turned", "1996-09-30"), ("turns", "1996-10-01"), ("year", "1996"), ("future", "2030-01-01")):
        record.encounter(person)
        record.consent(person)
        record.patient(person, born=born)

    bands = dict(record.cohort().persons.select("person", "age_band").iter_rows())

    assert bands == {"turned": "30-39", "turns": "20-29", "year": "30-39", "future": "unknown"}


@pytest.mark.parametrize(
    ("code", "chapter"),
    [("J06.9", "J00-J99"), ("D48", "C00-D48"), ("D50.0", "D50-D90"), ("K93", "K00-K93"), ("", "unknown"),
     (None, "unknown"), ("D49", "unknown"), ("j45", "J00-J99"), ("J0", "unknown")],
)  # fmt: skip
def test_chapters_follow_the_classification(code: str | None, chapter: str) -> None:
    assert chapter_of(code) == chapter


def test_quarters_know_their_neighbours_and_bounds() -> None:
    assert last_complete("quarter", NOW) == QUARTER
    assert Quarter(2026, 1).previous() == Quarter(2025, 4)
    assert Quarter(2025, 4).next() == Quarter(2026, 1)
    assert QUARTER.start == moment("2026-07-01")
    assert period_named(QUARTER.name) == QUARTER
    with pytest.raises(InputInvalid, match="is no period"):
        period_named("2026-Q5")


@pytest.mark.parametrize("text", ["0001", "0001-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_date_at_the_edge_of_the_calendar_is_none_and_stops_nothing(text: str) -> None:
    assert moment(text) is None


ON_SITE: dict[str, Any] = {"class": {"code": "AMB"}}
ALL_NAMES = ("mode", "visits", "wait_days", "condition", "travel_km")


def test_how_often_how_and_after_which_wait_a_person_came() -> None:
    record = Record()
    record.whole("ada")
    record.encounter("ada", end="2026-08-04T10:00:00Z", **ON_SITE)
    record.encounter("ada", end="2026-05-04T10:00:00Z")
    record.appointment("ada", "2026-08-03T10:00:00Z", created="2026-07-20T09:00:00Z")
    record.appointment("ada", "2026-07-04T10:00:00Z", created="2026-01-01T09:00:00Z", status="cancelled")
    record.appointment("ada", "2026-09-04T10:00:00Z", created="2026-09-04T09:00:00Z")
    record.whole("ben")

    rows = record.cohort(names=ALL_NAMES[:3]).persons.rows()

    assert rows == [("ada", "clinic-a", "mixed", "2", "8-14"), ("ben", "clinic-a", "video", "1", "unknown")]


def test_one_condition_a_person_the_first_of_the_list_that_still_holds() -> None:
    record = Record()
    for person in ("ada", "ben", "carla"):
        record.whole(person)
    record.condition("ada", "I10.00")
    record.condition("ada", "E11.90")
    record.condition("ben", "E11.90", status="resolved")
    record.condition("ben", "J45.0")
    record.condition("carla", "E11.90", verificationStatus={"coding": [{"code": "refuted"}]})

    found = dict(record.cohort(names=("condition",)).persons.select("person", "condition").iter_rows())

    assert found == {"ada": "E10-E14", "ben": "J44-J47", "carla": "none"}


def test_travel_is_saved_by_video_alone_and_there_and_back() -> None:
    record = Record()
    record.whole("near")
    record.whole("far")
    record.encounter("far", clinic="clinic-b")
    record.whole("onsite")
    record.encounter("onsite", clinic="clinic-b", **ON_SITE)
    record.whole("nowhere")
    record.encounter("nowhere", clinic="clinic-unknown")

    found = dict(record.cohort(names=("municipality", "travel_km")).persons.select("person", "travel_km").iter_rows())

    # Kiel to Neumünster and back is some 57 km as the crow flies.
    assert found == {"near": "0", "far": "50-99", "onsite": "0", "nowhere": "unknown"}


def test_each_institution_counts_its_own_and_honours_its_own_objections() -> None:
    record = Record()
    for clinic in ("clinic-a", "clinic-b"):
        record.encounter("ada", clinic=clinic)
        record.encounter("ben", clinic=clinic)
    for person in ("ada", "ben"):
        record._add("Patient", person, RESIDENT)
        record._add("Patient", person, RESIDENT, clinic="clinic-b")
    record.consent("ben", kind="deny", clinic="clinic-b")

    cohort = record.cohort(by_clinic=True)

    assert cohort.persons.select("person", "clinic").rows() == [
        ("ada@clinic-a", "clinic-a"),
        ("ada@clinic-b", "clinic-b"),
        ("ben@clinic-a", "clinic-a"),
    ]
    assert cohort.not_permitted == 1


RESIDENT: dict[str, Any] = {
    "birthDate": "1990-05-01",
    "address": [
        {
            "extension": [
                {
                    "url": "http://fhir.de/StructureDefinition/destatis/ags",
                    "valueCoding": {"system": "http://fhir.de/sid/destatis/ags", "code": KIEL},
                }
            ]
        }
    ],
}


@given(st.randoms(use_true_random=False))
def test_the_order_of_resources_changes_nothing(random: Random) -> None:
    record = Record()
    for number, person in enumerate(("ada", "ben", "ada")):
        record.whole(person)
        record.encounter(person, end=f"2026-08-{number + 3:02}T10:00:00Z", code="I10.00", clinic="clinic-b")
        record.appointment(person, f"2026-08-0{3 - number}T10:00:00Z", created="2026-07-20T09:00:00Z")
        record.appointment(person, "2026-08-01T10:00:00Z")
        record.condition(person, "E11.90")
    before = record.cohort(names=("municipality", "sex", "chapter", *ALL_NAMES)).persons

    random.shuffle(record._rows)

    assert record.cohort(names=("municipality", "sex", "chapter", *ALL_NAMES)).persons.equals(before)


def test_what_the_record_does_not_give_is_refused_by_name() -> None:
    with pytest.raises(DefinitionInvalid, match="shoe_size"):
        Record().cohort(names=("shoe_size",))
