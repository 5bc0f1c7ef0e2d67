"""No hit is ever lost between index, query and exact check, for any parameter of any type."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from fhir import codec
from fhir.search import dates, lookup, quantities, strings, units
from fhir.search.match import matches
from fhir.search.parameters import tokens
from fhir.search.parsing import parse
from fhir.search.query import Query
from tests.bench.contents import observation
from tests.effort import examples
from tests.fhir.search.worlds import worlds

World = tuple[str, dict[str, Any], list[tuple[str, str]]]


def is_candidate(data: dict[str, Any], query: Query) -> bool:
    held = set(tokens(query.type, data))
    return all(held & either for either in query.tokens)


@examples(1000)
@given(worlds())
def test_what_matches_is_found_by_its_tokens_and_what_is_decided_matches(world: World) -> None:
    type, data, pairs = world
    query = parse(type, pairs)

    found, candidate = matches(type, data, query), is_candidate(data, query)

    event(f"found: {found}, tokens: {bool(query.tokens)}, decided: {query.decided}")
    assert candidate or not found
    assert found or not (candidate and query.decided)


ACTIVITIES: dict[str, Any] = {
    "subject": {"reference": "Patient/a"},
    "activity": [{"detail": {"scheduledPeriod": {"start": day, "end": day}}} for day in ("2026-01-01", "2026-12-01")],
}
BETWEEN = [("activity-date", "ge2026-11-01"), ("activity-date", "le2026-02-01")]


def test_two_dates_may_meet_one_condition_each() -> None:
    query = parse("CarePlan", BETWEEN)

    assert matches("CarePlan", ACTIVITIES, query)
    assert is_candidate(ACTIVITIES, query)


def test_dates_indexed_one_by_one_would_lose_it(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [("activity-date", "ge2026-03-01"), ("activity-date", "le2026-10-01")]
    assert is_candidate(ACTIVITIES, parse("CarePlan", both))

    monkeypatch.setattr(dates, "hull", lambda stretches: stretches[0])

    assert matches("CarePlan", ACTIVITIES, parse("CarePlan", both))
    assert not is_candidate(ACTIVITIES, parse("CarePlan", both))


STAY: dict[str, Any] = {
    "status": "finished",
    "subject": {"reference": "Patient/a"},
    "period": {"start": "2026-11-01", "end": "2026-11-20"},
}


def test_a_long_stay_is_found_by_its_status_and_any_of_its_days() -> None:
    query = parse("Encounter", [("date", "ge2026-11-10"), ("date", "lt2026-11-11"), ("status", "finished")])

    assert is_candidate(STAY, query)
    assert not [token for token in tokens("Encounter", STAY) if token[2] == "on"]
    without = tuple(either - {("status", "Encounter", "long")} for either in query.tokens)
    assert not is_candidate(STAY, replace(query, tokens=without))


def test_measured_data_beside_a_code_is_found_by_code_and_quantity() -> None:
    data = {"code": {"coding": [{"code": "ecg"}]}, "valueSampledData": {"origin": {"value": 0}, "data": "1 2 3"}}
    query = parse("Observation", [("code", "ecg"), ("value-quantity", "gt2")])

    assert matches("Observation", data, query)
    assert query.tokens
    assert is_candidate(data, query)


@pytest.mark.parametrize(
    ("type", "pairs", "says", "decided"),
    [
        ("Observation", [("patient", "a"), ("code", "http://loinc.org|8867-4")], {"of"}, True),
        ("Observation", [("patient", "a"), ("code", "8867-4")], {"of"}, True),
        ("Observation", [("patient", "a"), ("status", "final")], {"of"}, True),
        ("Observation", [("patient", "a")], {"to"}, True),
        ("Observation", [("patient", "a"), ("combo-code", "8867-4")], {"to"}, False),
        ("Observation", [("code", "8867-4")], set(), False),
        ("Observation", [("code", "8867-4"), ("value-quantity", "gt100")], {"size", "wide"}, False),
        ("Observation", [("code-value-quantity", "8867-4$gt100")], {"size", "wide"}, False),
        (
            "Observation",
            [("code-value-quantity", "8867-4$gt1|http://unitsofmeasure.org|/s")],
            {"scaled", "wide"},
            False,
        ),
        ("Observation", [("code-value-quantity", "8867-4$ne100")], set(), False),
        ("Observation", [("value-quantity", "gt100")], set(), False),
        ("Patient", [("phone", "1")], {"system|code"}, True),
        ("Patient", [("phone", "email|1")], {"system|code"}, False),
        ("Patient", [("family", "müll")], {"starts"}, True),
        ("Patient", [("family", "mülle")], {"starts"}, False),
        ("Patient", [("family", "mü")], set(), False),
        ("Patient", [("family:exact", "Müller")], {"starts"}, False),
        ("Patient", [("family:contains", "müller")], set(), False),
        ("Patient", [("gender", "female")], set(), False),
        ("Patient", [("identifier", "1"), ("gender:not", "female")], {"code"}, False),
        ("Patient", [("identifier:missing", "true")], set(), False),
        ("Patient", [("general-practitioner:identifier", "1")], {"identified"}, False),
        ("PractitionerRole", [("specialty", "gp")], {"code"}, True),
        (
            "Slot",
            [("schedule", "s"), ("start", "ge2026-11-23"), ("start", "lt2026-11-30")],
            {"to", "within"},
            True,
        ),
        ("Slot", [("schedule", "s"), ("start", "ge2026-11-23T10:00:00Z")], {"to", "within"}, False),
        ("Slot", [("schedule", "s"), ("start", "ne2026-11-23")], {"to"}, False),
        ("Encounter", [("patient", "a"), ("date", "ge2026-11-23")], {"to", "within", "covers"}, False),
        ("AuditEvent", [("agent", "Patient/a"), ("type", "rest")], {"to", "of"}, True),
        ("DocumentReference", [("relationship", "appends$DocumentReference/1")], {"to"}, False),
    ],
)
def test_a_search_asks_for(type: str, pairs: list[tuple[str, str]], says: set[str], *, decided: bool) -> None:
    query = parse(type, pairs)

    assert {token[2] for either in query.tokens for token in either} == says
    assert query.decided is decided


def test_the_rarest_tokens_lead() -> None:
    query = parse(
        "Observation", [("date", "ge2000"), ("performer", "Practitioner/p"), ("identifier", "1"), ("patient", "a")]
    )

    leading = [min(token[0] for token in either) for either in query.tokens]
    assert leading == ["identifier", "subject", "performer", "date"]


def test_an_observation_costs_few_rows_of_the_index() -> None:
    assert len(set(tokens("Observation", codec.load(observation("a").encode())))) == 17


def test_more_tokens_than_can_be_asked_are_left_to_the_exact_check(monkeypatch: pytest.MonkeyPatch) -> None:
    many = ",".join(f"a{n}" for n in range(100))
    monkeypatch.setattr(lookup, "_coded", lambda *_, **__: pytest.fail("they were made"))

    query = parse("Observation", [("patient", many), ("code", many)])

    assert [len(either) for either in query.tokens] == [100]
    days = ",".join(f"ge{1900 + n}-02-02" for n in range(100))
    assert (
        parse("Observation", [("date", days), ("code-value-quantity", f"{many.replace(',', '$gt1,')}$gt1")]).tokens
        == ()
    )


def test_long_texts_are_not_kept_in_memory() -> None:
    before = (strings._kept.cache_info().currsize, units._scale.cache_info().currsize)

    strings.folded("Ä" * 101)
    units.scale(units.SYSTEM, "g" * 65)

    assert (strings._kept.cache_info().currsize, units._scale.cache_info().currsize) == before
    assert strings.folded("Ä" * 101) == "a" * 101


numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6)


@given(numbers, numbers, numbers)
def test_a_number_lies_in_a_bucket_of_every_stretch_around_it(number: Decimal, low: Decimal, high: Decimal) -> None:
    low, high = min(low, number), max(high, number)

    cover = set(quantities.cover(quantities.Stretch(low, high)))

    assert cover & set(quantities.buckets(number))
    assert len(cover) <= 200
    assert cover <= set(quantities.cover(quantities.Stretch(None, None))) | {f"={n}" for n in range(-600, 600)}


@given(st.sampled_from(["mg/dL", "mm[Hg]", "[degF]", "{beats}/min", "10*9/L", "m[iU]/L"]), numbers, numbers)
def test_a_scale_keeps_the_order_of_numbers(code: str, one: Decimal, other: Decimal) -> None:
    scale = units.scale(units.SYSTEM, code)

    assert scale is not None
    assert (scale.of(min(one, other))) <= scale.of(max(one, other))


@given(st.text(max_size=12) | st.text("mgL/.{}[]*10^kd- ", max_size=12))
def test_any_unit_is_read_or_left_as_it_is(code: str) -> None:
    scale = units.scale(units.SYSTEM, code)

    assert scale is None or scale.factor > 0
