"""Reading FHIR JSON strictly, and splicing id and meta into it."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir import codec
from fhir.models import KNOWN, TypeNotServed
from fhir.spans import items, members, replace_strings
from infra.problems import Problem

NOW = datetime(2026, 11, 23, 10, 0, 0, 120000, tzinfo=UTC)
LATER = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)

scalars = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=12)
trees = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
                     max_leaves=12)  # fmt: skip
metas = trees | st.dictionaries(st.sampled_from(["versionId", "lastUpdated", "profile", "tag", "source"]), trees)


@st.composite
def resources(draw: st.DrawFn) -> bytes:
    """A resource as some client may write it: any order, spacing and escaping, id and meta there or not."""
    extra = draw(st.dictionaries(st.text(max_size=6).filter(lambda key: key != "resourceType"), trees, max_size=5))
    known = draw(st.fixed_dictionaries({"resourceType": st.just("Patient")}, optional={"id": trees, "meta": metas}))
    order = draw(st.permutations(list((extra | known).items())))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " :\r\n")]))
    body = json.dumps(
        dict(order), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 2])), separators=separators
    )
    return draw(st.sampled_from(["", "\n "])).encode() + body.encode(errors="surrogatepass")


def without_stamp(data: dict[str, Any]) -> dict[str, Any]:
    meta = data.get("meta")
    kept = {k: v for k, v in meta.items() if k not in ("versionId", "lastUpdated")} if isinstance(meta, dict) else {}
    return {key: value for key, value in data.items() if key not in ("id", "meta")} | {"meta": kept}


@given(resources())
def test_spliced_bytes_read_the_same_except_id_and_meta(raw: bytes) -> None:
    spliced = codec.load(codec.splice(raw, id="a-1", version="2", last_updated=NOW))

    assert without_stamp(spliced) == without_stamp(codec.load(raw))
    assert (spliced["id"], spliced["meta"]["versionId"]) == ("a-1", "2")
    assert spliced["meta"]["lastUpdated"] == "2026-11-23T10:00:00.120000Z"


@given(resources())
def test_splicing_twice_is_splicing_once_with_the_second_values(raw: bytes) -> None:
    first = codec.splice(raw, id="a-1", version="2", last_updated=NOW)

    twice = codec.splice(first, id="b-2", version="3", last_updated=LATER)

    assert twice == codec.splice(raw, id="b-2", version="3", last_updated=LATER)


@given(resources())
def test_every_member_but_id_and_meta_keeps_its_bytes_and_its_place(raw: bytes) -> None:
    before = raw.decode()
    after = codec.splice(raw, id="a-1", version="2", last_updated=NOW).decode()

    def kept(text: str) -> list[tuple[str, str]]:
        return [(key, text[slice(*span)]) for key, span in members(text).items() if key not in ("id", "meta")]

    assert kept(after) == kept(before)


@given(resources().filter(lambda raw: not {"id", "meta"} & codec.load(raw).keys()))
def test_what_is_new_is_one_insertion(raw: bytes) -> None:
    inserted = b',"id":"a","meta":{"versionId":"1","lastUpdated":"2026-11-23T10:00:00.120000Z"}'

    spliced = codec.splice(raw, id="a", version="1", last_updated=NOW)

    assert spliced.replace(inserted, b"", 1) == raw


@given(trees.filter(lambda tree: isinstance(tree, list)))
def test_items_are_found_where_they_stand(tree: list[Any]) -> None:
    text = json.dumps(tree, indent=1)

    assert [json.loads(text[slice(*span)]) for span in items(text)] == tree


def test_ids_and_metas_further_inside_are_left_alone() -> None:
    contained = b'{"resourceType":"Patient","id":"p","meta":{"versionId":"9"}}'
    raw = b'{"contained":[' + contained + b'],"resourceType":"Observation"}'

    spliced = codec.splice(raw, id="a", version="1", last_updated=NOW)

    assert contained in spliced


def test_the_clients_profile_tag_and_security_stay_byte_for_byte() -> None:
    kept = b'"profile" : ["https://example.org/p"],  "tag":[ {"code":"x"} ]'
    raw = b'{"resourceType":"Patient","meta":{' + kept + b',"versionId":"7"}}'

    spliced = codec.splice(raw, id="a", version="1", last_updated=NOW)

    assert kept in spliced
    assert codec.load(spliced)["meta"]["versionId"] == "1"


def test_an_escaped_key_is_the_same_key() -> None:
    raw = b'{"resourceType":"Patient","\\u0069d":"old","\\u006deta":{"version\\u0049d":"9"}}'

    spliced = codec.splice(raw, id="a", version="1", last_updated=NOW)

    assert codec.load(spliced)["id"] == "a"
    assert codec.load(spliced)["meta"]["versionId"] == "1"


def test_strings_are_exchanged_and_keys_are_not() -> None:
    text = '{"urn:x":{"reference":"urn:x"},"other":["urn:\\u0078", "urn:y"]}'

    changed = replace_strings(text, {"urn:x": "Patient/ü"}.get)

    assert changed == '{"urn:x":{"reference":"Patient/ü"},"other":["Patient/ü", "urn:y"]}'


@pytest.mark.parametrize(
    "written",
    [
        "0.40",
        "-83.694710",
        "1.0e2",
        "1E-7",
        '"2026-01-01T10:00:00+00:00"',
        '"10:00:00.715Z"',
        '"M\\u00fcller"',
        '"😀"',
        "[ 1.0 ,2]",
    ],
)
def test_a_value_written_in_a_way_of_its_own_keeps_it(written: str) -> None:
    raw = f'{{"z": {written}, "resourceType" :"Patient","a":{written} }}'.encode()

    spliced = codec.splice(raw, id="a", version="1", last_updated=NOW)

    assert codec.splice(spliced, id="b", version="2", last_updated=LATER).count(written.encode()) == 2
    assert spliced.startswith(f'{{"z": {written}, "resourceType" :"Patient",'.encode())
    assert spliced.endswith(f',"a":{written} }}'.encode())


def test_numbers_keep_all_their_digits() -> None:
    data = codec.parse(b'{"resourceType":"Observation","valueQuantity":{"value":0.40}}', type=None).data

    assert data["valueQuantity"]["value"] == Decimal("0.40")
    assert str(data["valueQuantity"]["value"]) == "0.40"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"resourceType":"Patient",}', "line 1, column 27"),
        (b'{"resourceType":\n "Patient"', "line 2, column 11"),
        (b'{"resourceType":"Patient","a":{"gender":1,"gender":2}}', "key gender stands twice"),
        (b'{"resourceType":"Patient","Erika Muster":1,"Erika Muster":2}', "key (not an element name)"),
        (b'{"resourceType":"Patient","x":NaN}', "NaN is not"),
        (b'{"resourceType":"Patient","x":-Infinity}', "-Infinity is not"),
        (b'{"resourceType":"Patient","x":1e99999999999999999999}', "out of range"),
        (b'{"resourceType":"Patient","x":' + b"1" * 5000 + b"}", "too long"),
        (b'{"resourceType":"Patient","x":"\\ud800"}', "half of a character"),
        (b'{"resourceType":"Patient","x":"\x01"}', "Invalid control character"),
        (b'\xff{"resourceType":"Patient"}', "position 0"),
        (b'\xef\xbb\xbf{"resourceType":"Patient"}', "BOM"),
        (b'{"resourceType":"Patient","x":' + b"[" * 70 + b"]" * 70 + b"}", "64 levels"),
        (b'{"resourceType":"Patient","x":' + b"[" * 50000 + b"]" * 50000 + b"}", "64 levels"),
        (b'{"resourceType":"Observation"}', "must be Patient"),
        (b'{"resourceType":7}', "not a FHIR resource"),
        (b"[]", "not a FHIR resource"),
        (b"", "is empty"),
    ],
)
def test_what_is_not_a_resource_is_a_400_that_says_where(body: bytes, told: str) -> None:
    with pytest.raises(Problem) as refused:
        codec.parse(body, type="Patient")

    assert refused.value.status == 400
    assert told in refused.value.text


def test_brackets_inside_strings_are_no_depth() -> None:
    body = b'{"resourceType":"Patient","x":"' + b'[{\\"' * 100 + b'"}'

    assert codec.parse(body, type="Patient").type == "Patient"


def test_a_type_of_the_address_that_is_not_served_is_a_404() -> None:
    with pytest.raises(TypeNotServed) as refused:
        codec.parse(b'{"resourceType":"Medication"}', type="Medication")

    assert refused.value.status == 404


def test_a_type_of_the_body_that_is_not_served_is_a_400() -> None:
    with pytest.raises(codec.UnknownResourceType) as refused:
        codec.parse(b'{"resourceType":"SubscriptionStatus"}', type=None)

    assert refused.value.status == 400


def test_official_examples_keep_every_byte(shared: Path) -> None:
    files = sorted((shared / "data/fhir-r4/examples").glob("*.json"))
    bodies = [body for body in (file.read_bytes() for file in files) if json.loads(body)["resourceType"] in KNOWN]

    for body in bodies:
        text, spliced = body.decode(), codec.splice(body, id="x", version="1", last_updated=NOW).decode()
        own = [slice(*span) for key, span in members(text).items() if key not in ("id", "meta")]
        new = [slice(*span) for key, span in members(spliced).items() if key not in ("id", "meta")]
        assert [text[span] for span in own] == [spliced[span] for span in new]

    assert len(bodies) == 384


def nested(levels: int) -> bytes:
    """JSON that is so many levels deep."""
    return b"[" * levels + b"]" * levels


def test_json_beyond_the_depth_that_is_allowed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    codec.load(nested(codec.MAX_DEPTH))
    with pytest.raises(codec.TooDeep):
        codec.load(nested(codec.MAX_DEPTH + 1))

    # The twin: without the limit the same bytes are read.
    monkeypatch.setattr(codec, "MAX_DEPTH", 200)
    codec.load(nested(100))
