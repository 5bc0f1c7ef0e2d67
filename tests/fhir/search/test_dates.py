"""Dates of all years that R4 can write: what time they stand for, and that the index and the rules agree."""

import calendar

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.rules.invariants.datatypes import DATATYPES
from fhir.search import dates
from fhir.search.dates import EARLIEST, FIRST, LAST, LATEST, NotADateError, around, interval, is_of_days
from fhir.search.match import matches
from fhir.search.parameters import tokens
from fhir.search.parsing import parse
from tests.fhir.record import created, observation, patient
from tests.fhir.search import times

YEARS = (1, 2, 1599, 1600, 1799, 1800, 1801, 1893, 1970, 2026, 2199, 2200, 9998, 9999)
ZONES = ("Z", "+14:00", "-14:00", "+00:00", "+01:00", "-12:30")


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A date, dateTime or instant of any precision, often at a border."""
    year = draw(st.sampled_from(YEARS) | st.integers(1, 9999))
    month = draw(st.sampled_from([1, 12]) | st.integers(1, 12))
    last = calendar.monthrange(year, month)[1]
    day = draw(st.sampled_from([1, last]) | st.integers(1, last))
    date = f"{year:04}-{month:02}-{day:02}"
    if draw(st.booleans()):
        return date[: draw(st.sampled_from([4, 7, 10]))]
    clock = draw(st.sampled_from(["00:00:00", "23:59:59", "23:59:60", "12:30:15"]))
    fraction = draw(st.sampled_from(["", "", ".5", ".999", ".999999", ".123456"]))
    return f"{date}T{clock}{fraction}{draw(st.sampled_from(ZONES))}"


@given(texts(), texts())
def test_dates_stand_in_the_order_of_time_whatever_their_year_and_zone(one: str, other: str) -> None:
    first, second, expected = interval(one), interval(other), (times.stretch(one), times.stretch(other))

    assert EARLIEST < first.start < first.end < LATEST
    assert (first.end - first.start) // dates._TICK == expected[0][1] - expected[0][0]
    for mine, of_this in zip(first, expected[0], strict=True):
        for theirs, of_that in zip(second, expected[1], strict=True):
            assert (mine < theirs, mine == theirs) == (of_this < of_that, of_this == of_that)


@given(texts(), texts())
def test_what_overlaps_shares_a_day_of_the_index_and_whole_days_hold_nothing_else(held: str, asked: str) -> None:
    mine, wanted = interval(held), interval(asked)
    here, there = dates.days(mine), dates.days(wanted)

    shares = here.first <= there.last and there.first <= here.last
    assert FIRST <= here.first <= here.last <= LAST
    assert shares or not (mine.start < wanted.end and wanted.start < mine.end)
    if is_of_days(wanted) and here.first == here.last and shares:
        assert mine.start < wanted.end
        assert wanted.start < mine.end


@given(texts())
def test_about_then_reaches_as_far_as_time_does(text: str) -> None:
    held = interval(text)
    wider = around(held)

    width = held.end - held.start
    assert wider.start == EARLIEST or held.start - wider.start == width
    assert wider.end == LATEST or wider.end - held.end == width


@given(texts(), texts())
def test_a_period_is_in_order_unless_its_end_is_over_before_it_starts(start: str, end: str) -> None:
    (rule,) = [rule for rule in DATATYPES["Period"] if rule.key == "per-1"]

    assert rule.broken({"start": start, "end": end}) == (times.stretch(start)[0] >= times.stretch(end)[1])


@given(texts(), st.sampled_from(["", "ne", "gt", "lt", "ge", "le", "sa", "eb"]), texts())
def test_whoever_was_born_then_is_found_and_nobody_else(held: str, prefix: str, asked: str) -> None:
    data = {"resourceType": "Patient", "deceasedDateTime": held}
    query = parse("Patient", [("death-date", prefix + asked)])
    (low, high), (since, until) = times.stretch(held), times.stretch(asked)
    within = since <= low and high <= until
    fits = {
        "": within, "ne": not within, "gt": high > until, "lt": low < since,
        "ge": within or high > until, "le": within or low < since, "sa": low >= until, "eb": high <= since,
    }  # fmt: skip

    found = all(set(tokens("Patient", data)) & either for either in query.tokens)

    assert matches("Patient", data, query) is fits[prefix]
    assert found or not fits[prefix]
    assert fits[prefix] or not (found and query.decided)


@pytest.mark.parametrize("text", ["0000", "0000-01-01", "2026-11-23T10:00:00+14:30", "2026-13", "2026-11-23T10:61:00Z"])
def test_what_is_no_time_of_r4_is_none(text: str) -> None:
    with pytest.raises(NotADateError):
        interval(text)


async def test_years_long_ago_and_far_away_are_kept_and_found_apart(north: httpx.AsyncClient) -> None:
    for born in ("0001-01-01", "1600-05-17", "1750-01-01", "2300-01-01", "9999-12-31"):
        await created(north, patient(birthDate=born))
    for period in ({"start": "1700", "end": "1750-01-01"}, {"start": "2200-01-01T00:00:00Z", "end": "9999-12-31"}):
        await created(
            north,
            {key: held for key, held in observation("x").items() if key != "effectiveDateTime"}
            | {"effectivePeriod": period},
        )

    async def total(query: str) -> int:
        found: int = (await north.get(query)).json()["total"]
        return found

    for asked, count in {"1600": 1, "1750": 1, "1601": 0, "0001": 1, "9999": 1, "lt1800": 3, "ge2200": 2}.items():
        assert await total(f"/Patient?birthdate={asked}") == count, asked
    assert await total("/Observation?date=ap1720") == 1
    assert await total("/Observation?date=gt9998") == 1


@pytest.mark.parametrize(
    ("moment", "at", "since"),
    [("0001", 0, 1), ("0001-01-01T00:00:00%2B14:00", 0, 1), ("9999-12-31T23:59:59-14:00", 1, 0), ("9999", 1, 0)],
)
async def test_the_borders_of_time_can_be_asked_for(north: httpx.AsyncClient, moment: str, at: int, since: int) -> None:
    await created(north, patient())

    for asked, total in {
        f"?_lastUpdated=ne{moment}": 1,
        f"?birthdate=ne{moment}": 1,
        f"/_history?_at={moment}": at,
        f"/_history?_since={moment}": since,
    }.items():
        assert (await north.get(f"/Patient{asked}")).json()["total"] == total, asked


async def test_a_leap_second_is_found_on_its_day(north: httpx.AsyncClient) -> None:
    id = await created(north, observation("x", effectiveDateTime="2016-12-31T23:59:60+01:00"))

    for asked in ("2016-12-31", "2016-12-31T23:59:60%2B01:00", "lt2017"):
        found = (await north.get(f"/Observation?date={asked}")).json()
        assert [entry["resource"]["id"] for entry in found["entry"]] == [id]
    assert (await north.get("/Observation?date=ge2017")).json()["total"] == 0
