"""What the index holds, and that no hit is ever lost between index, query and exact check."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.models import SERVED
from fhir.search.contacts import contact
from fhir.search.dates import FIRST, LAST, ZONE, Days, above, coarse_cover, cover, days, each_day, interval
from fhir.search.definitions import COMMON, PARAMETERS, names
from fhir.search.match import matches
from fhir.search.parameters import tokens
from fhir.search.parsing import parse
from fhir.search.query import Query
from fhir.search.strings import folded, prefixes


def is_candidate(data: dict[str, Any], query: Query) -> bool:
    held = set(tokens(query.type, data))
    return all(held & either for either in query.tokens)


@given(st.text(max_size=12), st.integers(0, 12))
def test_the_form_of_a_beginning_is_a_beginning_of_the_form(text: str, length: int) -> None:
    assert folded(text).startswith(folded(text[:length]))


def test_spellings_of_an_umlaut_find_each_other_in_both_directions() -> None:
    for pair in (("Müller", "Mueller", "Muller"), ("Jäger", "Jaeger", "JAGER"), ("Goethe", "Göthe"), ("Groß", "gross")):
        assert len({folded(name) for name in pair}) == 1
    assert folded("Bauer") == "bauer"
    assert folded("O'Neil-Łukasz") == "o neil lukasz"


@pytest.mark.parametrize("asked", ["+49 431 123-45", "0049431/12345", "+49 (431) 12345", "+4943112345"])
@pytest.mark.parametrize("held", ["0049 431 12345", "+49.431.123-45"])
def test_a_number_is_found_however_it_was_written(held: str, asked: str) -> None:
    data = {"resourceType": "Patient", "telecom": [{"system": "phone", "value": held}]}
    for name, value in (("phone", asked), ("telecom", asked), ("telecom", f"phone|{asked}")):
        query = parse("Patient", [(name, value)])

        assert is_candidate(data, query)
        assert matches("Patient", data, query)


@given(st.text(st.sampled_from("+0149 -/.()[]\u00a0x@Ä"), max_size=12))
def test_the_form_of_a_contact_is_its_own_form(text: str) -> None:
    assert contact(contact(text)) == contact(text)


@pytest.mark.parametrize(
    "period",
    [{"start": "2020", "end": "2031"}, {"start": "2026-11"}, {"end": "2027"}, {"start": "2026-11", "end": "2026-12"}],
)
@pytest.mark.parametrize("more", [[], [("status", "final")], [("status", "final,booked"), ("patient", "a")]])
def test_a_long_stretch_is_found_by_a_day_within(period: dict[str, str], more: list[tuple[str, str]]) -> None:
    data = {"status": "final", "subject": {"reference": "Patient/a"}, "period": period}
    query = parse("Encounter", [("date", "ge2026-11-23"), ("date", "lt2026-11-24"), *more])

    assert matches("Encounter", data, query)
    assert is_candidate(data, query)


def test_short_beginnings_are_not_indexed() -> None:
    assert prefixes("li") == []
    assert prefixes("weberknecht") == ["web", "webe", "weberk", "weberkne"]


local_days = st.dates(min_value=FIRST, max_value=LAST - timedelta(days=400))


@given(local_days, local_days, local_days, local_days)
def test_stretches_that_overlap_share_a_bucket(a: date, b: date, c: date, d: date) -> None:
    held, asked = Days(min(a, b), max(a, b)), Days(min(c, d), max(c, d))
    within = {part for bucket in coarse_cover(held) for part in (bucket, *above(bucket))}
    covered = set(coarse_cover(held))

    found = any(bucket in within or covered & set(above(bucket)) for bucket in cover(asked))

    assert found or not (held.first <= asked.last and asked.first <= held.last)


@given(local_days, st.integers(0, 400))
def test_a_cover_is_exact_and_short(first: date, length: int) -> None:
    whole = Days(first, first + timedelta(days=length))

    buckets = cover(whole)

    assert len(buckets) <= 83
    assert [day for day in each_day(whole) if not any(day.startswith(bucket) for bucket in buckets)] == []


def test_a_day_is_a_local_one() -> None:
    assert days(interval("2026-11-23T23:30:00Z")).first.isoformat() == "2026-11-24"
    assert interval("2026-07-01").start.astimezone(ZONE).hour == 0


def test_a_status_or_a_diagnosis_never_has_a_token_of_its_own() -> None:
    data = {"status": "final", "code": {"coding": [{"code": "J06.9"}]}, "subject": {"reference": "Patient/a"}}

    found = [token for token in tokens("Observation", data) if token[0] in ("status", "code")]

    assert {token[2:4] for token in found} == {("of", "Patient/a")}
    assert not [token for token in tokens("Observation", data | {"subject": {}}) if token[0] in ("status", "code")]


@pytest.mark.parametrize("type", SERVED)
def test_every_type_can_be_searched_by_more_than_its_columns(type: str) -> None:
    assert len(names(type)) > 2
    assert all(not (set("_:.|") & set(name)) for name in PARAMETERS[type].parameters if name not in COMMON)
