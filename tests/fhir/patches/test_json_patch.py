"""JSON Patch: RFC 6902's own examples, and the bytes of what is not touched."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.patches import json_patch
from fhir.patches.problems import BadPatch, PatchFailed, TestFailed
from fhir.patches.tree import Node, same
from infra.problems import Problem, TooLarge


def patched(document: str, *operations: dict[str, Any], limit: int = 10_000) -> str:
    read = json_patch.read(json.dumps(operations).encode())
    return json_patch.applied(Node(document), read, type="Patient", limit=limit).text()


# RFC 6902, appendix A; what fails there has None.
EXAMPLES: list[tuple[str, dict[str, Any], Any]] = [
    ('{"foo":"bar"}', {"op": "add", "path": "/baz", "value": "qux"}, {"baz": "qux", "foo": "bar"}),
    ('{"foo":["bar","baz"]}', {"op": "add", "path": "/foo/1", "value": "qux"}, {"foo": ["bar", "qux", "baz"]}),
    ('{"baz":"qux","foo":"bar"}', {"op": "remove", "path": "/baz"}, {"foo": "bar"}),
    ('{"foo":["bar","qux","baz"]}', {"op": "remove", "path": "/foo/1"}, {"foo": ["bar", "baz"]}),
    ('{"baz":"qux","foo":"bar"}', {"op": "replace", "path": "/baz", "value": "boo"}, {"baz": "boo", "foo": "bar"}),
    (
        '{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}',
        {"op": "move", "from": "/foo/waldo", "path": "/qux/thud"},
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    (
        '{"foo":["all","grass","cows","eat"]}',
        {"op": "move", "from": "/foo/1", "path": "/foo/3"},
        {"foo": ["all", "cows", "eat", "grass"]},
    ),
    (
        '{"baz":"qux","foo":["a",2,"c"]}',
        {"op": "test", "path": "/foo/1", "value": 2},
        {"baz": "qux", "foo": ["a", 2, "c"]},
    ),
    ('{"baz":"qux"}', {"op": "test", "path": "/baz", "value": "bar"}, None),
    ('{"foo":"bar"}', {"op": "add", "path": "/child", "value": {"g": {}}}, {"foo": "bar", "child": {"g": {}}}),
    ('{"foo":"bar"}', {"op": "add", "path": "/baz", "value": "qux", "xyz": 123}, {"foo": "bar", "baz": "qux"}),
    ('{"foo":"bar"}', {"op": "add", "path": "/baz/bat", "value": "qux"}, None),
    ('{"/":9,"~1":10}', {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
    ('{"/":9,"~1":10}', {"op": "test", "path": "/~01", "value": "10"}, None),
    ('{"foo":["bar"]}', {"op": "add", "path": "/foo/-", "value": ["abc", "def"]}, {"foo": ["bar", ["abc", "def"]]}),
    ('{"foo":["bar"]}', {"op": "add", "path": "/foo/2", "value": 1}, None),
    ('{"foo":["bar"]}', {"op": "remove", "path": "/foo/01"}, None),
    ('{"foo":null}', {"op": "test", "path": "/foo", "value": None}, {"foo": None}),
    ('{"foo":{"a":1}}', {"op": "move", "from": "/foo", "path": "/foo/a"}, None),
    ('{"foo":1}', {"op": "replace", "path": "", "value": {"x": 2}}, {"x": 2}),
    ('{"foo":1}', {"op": "test", "path": "/foo", "value": True}, None),
]


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_of_the_rfc_come_out(number: int) -> None:
    document, operation, expected = EXAMPLES[number]

    if expected is None:
        with pytest.raises(PatchFailed):
            patched(document, operation)
    else:
        assert json.loads(patched(document, operation)) == expected


def test_what_is_not_touched_keeps_its_bytes() -> None:
    document = '{ "b" : 0.40,\n "a":{"x": 1.0e2 , "y":"\\u00fc"}, "l":[ 1.50 ,2 ], "z":-83.694710 }'

    changed = patched(document, {"op": "replace", "path": "/a/y", "value": "ü"})

    assert changed == document
    assert patched(document, {"op": "remove", "path": "/l/1"}) == document.replace("[ 1.50 ,2 ]", "[1.50]")
    assert patched(document, {"op": "test", "path": "/b", "value": 0.4}) == document


def test_a_failing_test_says_where() -> None:
    with pytest.raises(TestFailed) as failed:
        patched('{"name":[{"family":"A"}]}', {"op": "test", "path": "/name/0/family", "value": "B"})

    assert failed.value.issues[0].expression == ("Patient.name[0].family",)
    assert failed.value.status == 422


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[1]",
        b'[{"op":"jump","path":""}]',
        b'[{"op":"add","path":"/a"}]',
        b'[{"op":"move","path":"/a"}]',
        b'[{"op":"remove","path":"a"}]',
        b'[{"op":"remove","path":"/~2"}]',
        b'[{"op":["add"],"path":"/a","value":1}]',
        b'[{"op":"remove","path":3}]',
        json.dumps([{"op": "remove", "path": "/a"}] * 1001).encode(),
    ],
    ids=range(10),
)
def test_what_is_no_patch_is_a_400(body: bytes) -> None:
    with pytest.raises(BadPatch):
        json_patch.read(body)


def test_copies_of_copies_are_stopped_before_they_fill_the_memory() -> None:
    doubling = [{"op": "copy", "from": "", "path": f"/x{n}"} for n in range(100)]

    with pytest.raises(TooLarge):
        patched('{"a":"0123456789"}', *doubling)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab/~", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3),
    max_leaves=8,
)


def everywhere(value: Any, pointer: str = "") -> list[str]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    parts = ((str(name).replace("~", "~0").replace("/", "~1"), inner) for name, inner in below)
    return [pointer, *(place for part, inner in parts for place in everywhere(inner, f"{pointer}/{part}"))]


@given(st.dictionaries(st.text("ab/~", max_size=2), JSON, min_size=1, max_size=3), JSON, st.data())
def test_replacing_then_putting_back_gives_the_document_again(
    document: dict[str, Any], value: Any, data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from(everywhere(document)[1:]))
    text = json.dumps(document)
    held = json_patch._found(
        Node(text), json_patch.read(f'[{{"op":"remove","path":{json.dumps(place)}}}]'.encode())[0].path
    )

    back = patched(
        text,
        {"op": "replace", "path": place, "value": value},
        {"op": "test", "path": place, "value": value},
        {"op": "replace", "path": place, "value": held.value()},
    )

    assert same(json.loads(back), document)


OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from([*(op.value for op in json_patch.Op), "x"]), "path": st.text("/a01-~", max_size=6)},
    optional={"from": st.text("/a01-~", max_size=6), "value": JSON},
)


@given(JSON, st.lists(OPERATIONS, max_size=4))
def test_whatever_is_sent_changes_the_document_or_is_a_problem(document: Any, operations: list[dict[str, Any]]) -> None:
    status = 200
    try:
        json.loads(patched(json.dumps(document), *operations, limit=1000))
    except Problem as problem:
        status = problem.status

    assert status in (200, 400, 413, 422)
