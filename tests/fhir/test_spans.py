"""Where the parts of a JSON text stand."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fhir.spans import items, members, objects

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=2), VALUES, max_size=3),
    st.lists(st.dictionaries(st.text(max_size=2), VALUES, max_size=3) | VALUES, max_size=4),
    st.sampled_from([None, 1]),
    st.sampled_from([",", " , "]),
)
def test_the_members_of_objects_are_those_of_each_item(
    outer: dict[str, Any], held: list[Any], indent: int | None, comma: str
) -> None:
    text = json.dumps({**outer, "entry": held, "after": outer}, indent=indent, separators=(comma, ": "))

    found = objects(text, "entry")

    at = members(text)["entry"].start
    each = [members(text, at=span.start) if text[span.start] == "{" else {} for span in items(text, at=at)]
    assert found == each
    assert [{name: json.loads(text[s.start : s.end]) for name, s in one.items()} for one in found] == [
        one if isinstance(one, dict) else {} for one in held
    ]
