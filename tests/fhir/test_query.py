"""How a query string is read, and what is refused."""

from typing import Any

import pytest

from fhir.models import TypeNotServed
from fhir.search import parsing
from fhir.search.controls import MAX_COUNT
from fhir.search.match import matches
from fhir.search.parsing import parse
from fhir.search.query import OLDEST_FIRST, Summary, Total
from infra.problems import BadRequest, Problem

PATIENT: dict[str, Any] = {
    "identifier": [{"system": "urn:s", "value": "1,2"}, {"value": "3"}],
    "name": [{"family": "Müller", "given": ["Anna Maria"]}],
    "birthDate": "1957-05-17",
}
ENCOUNTER: dict[str, Any] = {
    "status": "finished",
    "subject": {"reference": "Patient/a"},
    "period": {"start": "2026-11-23T10:00:00+01:00", "end": "2026-11-23T10:20:00+01:00"},
}


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("identifier", r"urn:s|1\,2", True),
        ("identifier", r"1\,2", True),
        ("identifier", "|3", True),
        ("identifier", r"|1\,2", False),
        ("identifier", "urn:s|", True),
        ("identifier", "urn:t|", False),
        ("identifier", "7,3", True),
        ("family", "mueller", True),
        ("family", "MUL", True),
        ("family", "m", True),
        ("family", "uller", False),
        ("family:exact", "Müller", True),
        ("family:exact", "Mueller", False),
        ("name", "anna m", True),
        ("name", "maria", False),
        ("birthdate", "1957-05-17", True),
        ("birthdate", "1957", True),
        ("birthdate", "ge1957-05-17", True),
        ("birthdate", "gt1957-05-17", False),
        ("birthdate", "lt1957-05-18", True),
        ("birthdate", "le1957-05", True),
        ("birthdate", "1957-05-18", False),
    ],
)
def test_a_patient_is_found_by(name: str, value: str, found: bool) -> None:  # noqa: FBT001  a column of the table
    assert matches("Patient", PATIENT, parse("Patient", [(name, value)])) is found


@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        ([("patient", "a")], True),
        ([("patient", "Patient/a")], True),
        ([("subject", "Patient/a")], True),
        ([("subject", "Group/a")], False),
        ([("patient", "b,a"), ("status", "planned,finished")], True),
        ([("status", "http://hl7.org/fhir/encounter-status|finished")], True),
        ([("status", "urn:other|finished")], False),
        ([("date", "2026-11-23")], True),
        ([("date", "ge2026-11-23"), ("date", "lt2026-11-24")], True),
        ([("date", "ge2026-11-23T09:10:00Z")], True),
        ([("date", "gt2026-11-23T09:30:00Z")], False),
        ([("date", "2026-11-23"), ("patient", "b")], False),
    ],
)
def test_an_encounter_is_found_by(pairs: list[tuple[str, str]], found: bool) -> None:  # noqa: FBT001  a column of the table
    assert matches("Encounter", ENCOUNTER, parse("Encounter", pairs)) is found


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("favourite", "x", "search parameter favourite is not known. Known for Patient: _id, _lastUpdated, _profile"),
        ("_include", "x", "_include"),
        ("Erika Muster", "x", "A search parameter is not known."),
        ("family:text", "x", "modifier text is not supported for family. Supported: :missing, :exact, :contains."),
        ("birthdate:missing", "yes", "value of birthdate:missing must be true or false"),
        ("identifier:exact", "x", "modifier exact is not supported for identifier"),
        (
            "birthdate",
            "no1957",
            "prefix no is not supported for birthdate. Supported: eq, ne, gt, lt, ge, le, sa, eb, ap.",
        ),
        ("birthdate", "17.05.1957", "birthdate must be a date"),
        ("birthdate", "1957-02-30", "birthdate must be a date"),
        (
            "_lastUpdated",
            "ge2026-11-23T08:00:00 01:00",
            "_lastUpdated has a space in it. Write a + in an address as %2B",
        ),
        ("birthdate", "1957-05-17T08:00:00 01:00", "birthdate has a space in it. Write a + in an address as %2B"),
        ("family", "", "family has an empty value"),
        ("family", "a,,b", "family has an empty value"),
        ("family", "--", "holds no letter"),
        ("identifier", "|", "neither a system nor a code"),
        ("identifier", "a|b|c", "more than one |"),
        ("identifier", ",".join("x" * 101), "more than 100 values"),
        ("_id", "a b", "value of _id"),
        ("_count", "-1", "value of _count"),
        ("_sort", "shoesize", "_sort: The search parameter shoesize is not known"),
        ("_total", "all", "value of _total must be one of: accurate, estimate, none"),
        ("_summary", "all", "value of _summary must be one of: false, true, text, data, count"),
        ("_format", "xml", "value of _format"),
    ],
)
def test_what_is_unknown_or_unreadable_is_a_400_that_says_what(name: str, value: str, told: str) -> None:
    with pytest.raises(Problem) as refused:
        parse("Patient", [(name, value)])

    assert refused.value.status == 400
    assert told in refused.value.text


def test_a_form_of_millions_of_parameters_is_refused_before_it_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "unquote_plus", lambda *_, **__: pytest.fail("it was split"))

    with pytest.raises(BadRequest):
        parsing.pairs_of("a&" * 1_000_000)


def test_no_searched_value_is_repeated_in_what_is_told() -> None:
    for name in ("birthdate", "_id", "_count", "_sort"):
        with pytest.raises(Problem) as refused:
            parse("Patient", [(name, "Mustermann !")])
        assert "Mustermann" not in refused.value.text


@pytest.mark.parametrize("value", ["Patient/a/b", "Encounter/a", "/a", "patient a"])
def test_a_reference_that_can_not_be_one_is_refused(value: str) -> None:
    with pytest.raises(Problem):
        parse("Encounter", [("patient", value)])


def test_a_type_that_is_not_served_is_a_404() -> None:
    with pytest.raises(TypeNotServed):
        parse("Medication", [])


def test_controls_are_read_and_kept_for_the_links() -> None:
    query = parse("Patient", [("_count", "9999"), ("_sort", "_lastUpdated"), ("_total", "none"), ("_cursor", "c")])

    assert (query.count, query.sort, query.total, query.cursor) == (MAX_COUNT, (OLDEST_FIRST,), Total.NONE, "c")
    assert query.pairs == (("_count", "9999"), ("_sort", "_lastUpdated"), ("_total", "none"))
    with pytest.raises(Problem, match="_count stands twice"):
        parse("Patient", [("_count", "1"), ("_count", "2")])


@pytest.mark.parametrize("pair", [("_summary", "count"), ("_count", "0")])
def test_only_the_number_can_be_asked(pair: tuple[str, str]) -> None:
    assert parse("Patient", [pair]).summary is Summary.COUNT


def test_ids_and_times_of_change_are_columns() -> None:
    query = parse(
        "Patient", [("_id", "a,b"), ("_id", "b,c"), ("_lastUpdated", "ge2026-11-23"), ("_lastUpdated", "lt2027")]
    )

    assert query.ids == frozenset({"b"})
    assert [len(either) for either in query.updated] == [1, 1]
    assert query.updated[0][0].since is not None
    assert query.updated[0][0].since.isoformat() == "2026-11-22T23:00:00+00:00"  # local midnight
    assert query.updated[0][0].before is None
    assert query.conditions == ()
    assert query.decided


def test_a_status_is_asked_together_with_the_patient_or_the_day() -> None:
    with_patient = parse("Encounter", [("patient", "a"), ("status", "finished")])
    with_day = parse("Encounter", [("date", "2026-11-23"), ("status", "finished")])
    alone = parse("Encounter", [("status", "finished")])

    assert frozenset({("status", "Encounter", "of", "Patient/a", "finished")}) in with_patient.tokens
    assert ("status", "Encounter", "on", "2026-11-23", "finished") in with_day.tokens[0]
    assert alone.tokens == ()
    assert (with_patient.decided, with_day.decided, alone.decided) == (True, False, False)


def test_a_range_asks_for_few_tokens() -> None:
    query = parse("Appointment", [("date", "ge2026-11-23"), ("date", "lt2026-11-30")])

    (either,) = query.tokens
    assert len([token for token in either if token[2] == "within"]) == 7
