"""What the index holds, and that no hit is ever lost between index, query and exact check."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.models import SERVED
from fhir.search.dates import FIRST, LAST, ZONE, Days, above, coarse_cover, cover, days, each_day, interval
from fhir.search.definitions import PARAMETERS, Index, Kind, names
from fhir.search.match import matches
from fhir.search.parameters import tokens
from fhir.search.parsing import parse
from fhir.search.query import Query
from fhir.search.strings import folded, prefixes
from tests.effort import examples

REFERENCES = ("Patient/a", "Patient/b", "Practitioner/a", "Group/a", "https://example.org/fhir/Patient/a")
CODES = ("final", "booked")
SYSTEMS = ("http://loinc.org", "urn:s", "")
NAMES = ("Müller", "Mueller", "Muller", "Mü", "Müller-Lüdenscheidt", "Bauer", "Łukasz", "O'Neil", "van der Berg")
DATES = ("2026", "2026-11", "2026-11-23", "2026-11-30", "2027-01-01", "1957-05-17", "2026-11-23T23:30:00Z",
         "2026-11-23T10:00:00+01:00", "2026-12-31T23:59:59.5+01:00", "9999-12-31", "2019-02-03T00:00:00+01:00")  # fmt: skip

references = st.builds(lambda text: {"reference": text}, st.sampled_from((*REFERENCES, "Patient/a/_history/2", "#c")))
codings = st.builds(
    lambda system, code: {"code": code} | ({"system": system} if system else {}),
    st.sampled_from(SYSTEMS),
    st.sampled_from(CODES),
)
concepts = st.builds(lambda parts: {"coding": parts}, st.lists(codings, max_size=3))
periods = st.dictionaries(st.sampled_from(["start", "end"]), st.sampled_from(DATES), max_size=2)
identifiers = st.builds(lambda coding: {"value": coding.pop("code")} | coding, codings)
human_names = st.fixed_dictionaries(
    {},
    optional={
        "family": st.sampled_from(NAMES),
        "given": st.lists(st.sampled_from(NAMES)),
        "text": st.sampled_from(NAMES),
    },
)
ELEMENTS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "Patient": {
        "identifier": st.lists(identifiers),
        "name": st.lists(human_names, max_size=2),
        "birthDate": st.sampled_from(DATES[:6]),
    },
    "Observation": {
        "subject": references,
        "status": st.sampled_from(CODES),
        "code": concepts,
        "category": st.lists(concepts, max_size=2),
        "effectiveDateTime": st.sampled_from(DATES),
    },
    "Encounter": {"subject": references, "status": st.sampled_from(CODES), "period": periods},
    "Appointment": {
        "participant": st.lists(st.builds(lambda actor: {"actor": actor}, references), max_size=3),
        "status": st.sampled_from(CODES),
        "start": st.sampled_from([text for text in DATES if "T" in text]),
    },
    "AuditEvent": {
        "agent": st.lists(st.builds(lambda who: {"who": who}, references), max_size=2),
        "entity": st.lists(st.builds(lambda what: {"what": what}, references), max_size=2),
        "recorded": st.sampled_from(DATES),
    },
}
VALUES = {
    Kind.TOKEN: st.builds(
        "{}{}".format, st.sampled_from(["", *(f"{system}|" for system in SYSTEMS)]), st.sampled_from(CODES)
    )
    | st.just("urn:s|"),
    Kind.REFERENCE: st.sampled_from([*REFERENCES[:1], *REFERENCES[4:], "a", "b"]),
    Kind.STRING: st.sampled_from(NAMES).flatmap(lambda name: st.integers(1, 12).map(lambda length: name[:length])),
    Kind.DATE: st.builds("{}{}".format, st.sampled_from(["", "eq", "ge", "gt", "le", "lt"]), st.sampled_from(DATES)),
}


@st.composite
def searches(draw: st.DrawFn) -> tuple[dict[str, Any], Query]:
    """A resource and a query about its type, their values out of the same few, so that many meet."""
    type = draw(st.sampled_from(sorted(ELEMENTS)))
    data = draw(st.fixed_dictionaries(ELEMENTS[type]) | st.fixed_dictionaries({}, optional=ELEMENTS[type]))
    known = [
        p for p in PARAMETERS[type].parameters.values() if p.paths[0][0] in ELEMENTS[type] and p.name != "location"
    ]
    ranges = [p for p in known if p.kind is Kind.DATE] * draw(st.sampled_from([0, 2]))  # from, to
    pairs = []
    for parameter in ranges + draw(st.lists(st.sampled_from(known), min_size=1, max_size=3)):
        exact = ":exact" if parameter.kind is Kind.STRING and draw(st.booleans()) else ""
        pairs.append(
            (
                parameter.name + exact,
                ",".join(draw(st.lists(VALUES[parameter.kind], min_size=1, max_size=1 if ranges else 4))),
            )
        )
        if pairs[-1][0] == "practitioner":
            pairs[-1] = ("practitioner", "a")
    return {"resourceType": type} | data, parse(type, pairs)


def is_candidate(data: dict[str, Any], query: Query) -> bool:
    held = set(tokens(query.type, data))
    return all(held & either for either in query.tokens)


@examples(400)
@given(searches())
def test_what_matches_is_always_found_by_its_tokens(search: tuple[dict[str, Any], Query]) -> None:
    data, query = search

    if matches(query.type, data, query):
        assert is_candidate(data, query)


@examples(400)
@given(searches())
def test_a_decided_query_needs_no_second_look(search: tuple[dict[str, Any], Query]) -> None:
    data, query = search

    if query.decided:
        assert matches(query.type, data, query) == is_candidate(data, query)


@given(st.text(max_size=12), st.integers(0, 12))
def test_the_form_of_a_beginning_is_a_beginning_of_the_form(text: str, length: int) -> None:
    assert folded(text).startswith(folded(text[:length]))


def test_spellings_of_an_umlaut_find_each_other_in_both_directions() -> None:
    for pair in (("Müller", "Mueller", "Muller"), ("Jäger", "Jaeger", "JAGER"), ("Goethe", "Göthe"), ("Groß", "gross")):
        assert len({folded(name) for name in pair}) == 1
    assert folded("Bauer") == "bauer"
    assert folded("O'Neil-Łukasz") == "o neil lukasz"


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
    assert prefixes("weberknecht") == ["web", "webe", "weber", "weberk", "weberkn", "weberkne"]


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


def _low_entropy(type: str) -> Iterator[str]:
    return (name for name, parameter in PARAMETERS[type].parameters.items() if parameter.index is Index.COMPOUND)


def test_a_status_or_a_diagnosis_never_has_a_token_of_its_own() -> None:
    data = {"status": "final", "code": {"coding": [{"code": "J06.9"}]}, "subject": {"reference": "Patient/a"}}

    found = [token for token in tokens("Observation", data) if token[0] in set(_low_entropy("Observation"))]

    assert found
    assert all(token[2] in ("of", "on", "long") and (token[2] == "long" or len(token) == 5) for token in found)
    assert not [token for token in tokens("Observation", data | {"subject": {}}) if token[0] in ("status", "code")]


@pytest.mark.parametrize("type", SERVED)
def test_every_type_can_be_searched_by_more_than_its_columns(type: str) -> None:
    assert len(names(type)) > 2
    assert all(not (set("_:.|") & set(name)) for name in PARAMETERS[type].parameters)
