"""No hit is ever lost between index, query and exact check, for any parameter of any type."""

from typing import Any

from hypothesis import event, given

from fhir.search.match import matches
from fhir.search.parameters import tokens
from fhir.search.parsing import parse
from fhir.search.query import Query
from tests.effort import examples
from tests.fhir.search.worlds import worlds

World = tuple[str, dict[str, Any], list[tuple[str, str]]]


def is_candidate(data: dict[str, Any], query: Query) -> bool:
    held = set(tokens(query.type, data))
    return all(held & either for either in query.tokens)


@examples(1500)
@given(worlds())
def test_what_matches_is_found_by_its_tokens_and_what_is_decided_matches(world: World) -> None:
    type, data, pairs = world
    query = parse(type, pairs)

    found, candidate = matches(type, data, query), is_candidate(data, query)

    event(f"found: {found}, tokens: {bool(query.tokens)}, decided: {query.decided}")
    assert candidate or not found
    assert found or not (candidate and query.decided)
