"""Bodies made to harm: they are refused or accepted, soon, and nothing but a problem is raised."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.codec import MAX_DEPTH, parse
from fhir.rules import validate
from fhir.rules.table import type_of
from infra.problems import Problem
from tests.effort import examples
from tests.fhir.rules.test_mutants import files
from tests.fuzz import spending

MEBIBYTE = 1_048_576
MOST_MEBIBYTES = 300
ROOT = Path(__file__).parents[3]
LARGE = ("a Bundle of entries", "empty objects", "names")


def filled(before: str, item: str, after: str, *, size: int = MEBIBYTE) -> bytes:
    """A body of about this size with one thing in it again and again."""
    return f"{before}{item * ((size - len(before) - len(after)) // len(item))}{after}".encode()


CODED = '{"resourceType":"Observation","status":"final","valueBoolean":true,"code":{"coding":['
MEASURED = '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":0}}'
ENTRY = '{"resource":{"resourceType":"Basic","code":{"text":"a text of some words"}}},'
DIV = '<div xmlns=\\"http://www.w3.org/1999/xhtml\\">'
BODIES: dict[str, Callable[[], bytes]] = {
    "empty objects": lambda: filled('{"resourceType":"Patient","name":[', "{},", "{}]}"),
    "empty arrays": lambda: filled('{"resourceType":"Patient","name":[', "[],", "[]]}"),
    "nulls": lambda: filled('{"resourceType":"Patient","name":[{"given":[', "null,", "null]}]}"),
    "numbers": lambda: filled('{"resourceType":"Patient","name":[', "0.1,", "1]}"),
    "names": lambda: filled('{"resourceType":"Patient","name":[{"given":[', '"a",', '"b"]}]}'),
    "unknown members": lambda: json.dumps({"resourceType": "Patient"} | {str(n): 1 for n in range(90_000)}).encode(),
    "deep arrays": lambda: filled('{"resourceType":"Patient","name":', "[", ""),
    "an endless integer": lambda: filled('{"resourceType":"Patient","multipleBirthInteger":', "1", "}"),
    "an endless decimal": lambda: filled('{"resourceType":"Patient","x":0.', "1", "}"),
    "extensions": lambda: filled('{"resourceType":"Patient","extension":[', '{"url":"a","valueString":"b"},', '{"url":"a","valueCode":"b"}]}'),
    "codings against codings": lambda: filled(CODED + '{"code":"a"},' * 35_000 + '{"code":"b"}]},"component":[{"code":{"coding":[', '{"code":"c"},', '{"code":"d"}]}}]}'),
    "an address of slashes": lambda: filled('{"resourceType":"Patient","managingOrganization":{"reference":"http://', "Ab/", '"}}'),
    "nested tags": lambda: filled(f'{{"resourceType":"Patient","text":{{"status":"generated","div":"{DIV}', "<b>", '"}}'),
    "open comments": lambda: filled(f'{{"resourceType":"Patient","text":{{"status":"generated","div":"{DIV}', "<!-- ", '"}}'),
    "open quotes": lambda: filled(f'{{"resourceType":"Patient","text":{{"status":"generated","div":"{DIV}', "<a b='", '"}}'),
    "contained": lambda: filled('{"resourceType":"Patient","contained":[', '{"resourceType":"Basic","id":"a","code":{"text":"x"}},', '{"resourceType":"Basic"}]}'),
    "link ids": lambda: filled('{"resourceType":"Questionnaire","status":"draft","item":[', '{"linkId":"a","type":"string"},', '{"linkId":"a"}]}'),
    "halves of characters": lambda: filled('{"resourceType":"Patient","language":"', "\\ud83d", '"}'),
    "a Bundle of too many values": lambda: filled('{"resourceType":"Bundle","type":"collection","entry":[', '{"fullUrl":"urn:x"},', "{}]}", size=10 * MEBIBYTE),
    "a Bundle of entries": lambda: filled(
        '{"resourceType":"Bundle","type":"collection","entry":[', ENTRY, '{"fullUrl":"urn:x"}]}', size=10 * MEBIBYTE
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BODIES)
def test_a_hostile_body_is_answered_soon(kind: str) -> None:
    body = BODIES[kind]()
    with spending.unmeasured():
        began = time.process_time()
        parse_and_validate(body)
        spent = time.process_time() - began

    assert not spending.takes_too_long(spent)


def test_the_largest_bodies_take_less_memory_than_is_promised() -> None:
    script = f"""
import resource
from tests.fhir.rules import test_hostile as hostile
def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
hostile.parse_and_validate(b'{{"resourceType":"Patient"}}')
before = most()
for kind in {list(LARGE)}:
    hostile.parse_and_validate(hostile.BODIES[kind]())
print(most() - before)
"""

    told = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)

    assert int(told.stdout) < MOST_MEBIBYTES


def parse_and_validate(body: bytes) -> bool:
    """Whether the body is accepted; what is no problem of the client comes out as it is."""
    try:
        validate(parse(body, type=None))
    except Problem as problem:
        if problem.status >= 500 or len(problem.issues) > 100:
            raise
        return False
    return True


@pytest.mark.parametrize(
    "number",
    ["1e999999999", "-1e999999999", "1e-999999999", "1E+401", f"0.{'1' * 200}", "1" * 200, "1" * 5000, "NaN", "Infinity", "01", "1.", ".5", "+1", "0x1"],
)  # fmt: skip
def test_a_number_beyond_reason_is_refused(number: str) -> None:
    assert not parse_and_validate(MEASURED.replace("0", number).encode())


@pytest.mark.parametrize("number", ["0.40", "-83.694710", "1.0e2", "1e245", "-1E-245", "0", "-0.0", "9" * 99])
def test_a_number_that_r4_has_is_accepted(number: str) -> None:
    assert parse_and_validate(MEASURED.replace("0", number).encode())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["#", "Patient/p", "2026-02-30", "9999-12-31T23:59:60Z", "http://loinc.org", "\ud800", "1e9"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["coding", "reference", "value", "start", "end", "extension", "url", "code", "system", "id", "_id",
                         "valueString", "_valueString", "resourceType", "contained", "div", "status", "item", "meta"]),
        inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


def containers(node: Any) -> list[Any]:
    """All objects and arrays of a tree."""
    below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [
        *([node] if isinstance(node, dict | list) else []),
        *(found for part in below for found in containers(part)),
    ]


@cache
def small_ones(shared: Path) -> list[bytes]:
    return [file.read_bytes() for file in files(shared) if file.stat().st_size < 6000]


@examples(100)
@given(st.data())
def test_an_example_with_anything_in_it_is_accepted_or_refused(shared: Path, data: st.DataObject) -> None:
    tree = json.loads(data.draw(st.sampled_from(small_ones(shared))))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(containers(tree)))
        value = data.draw(values)
        if isinstance(place, list):
            place.append(value)
        else:
            names = sorted(
                {*place, *type_of(tree["resourceType"]).elements} if place is tree else {*place, "extension"}
            )
            place[data.draw(st.sampled_from(names))] = value

    parse_and_validate(json.dumps(tree).encode(errors="surrogatepass"))


@examples(100)
@given(st.binary(max_size=60), st.integers(0, 10_000), st.integers(0, 40))
def test_bytes_with_anything_in_them_are_accepted_or_refused(noise: bytes, at: int, cut: int) -> None:
    body = b'{"resourceType":"Patient","name":[{"family":"M\xc3\xbcller","given":["A"]}],"birthDate":"1970-01-01"}'
    at %= len(body)

    parse_and_validate(body[:at] + noise + body[at + cut :])


def test_the_depth_that_is_allowed_is_read() -> None:
    inner = "1"
    for _ in range(MAX_DEPTH // 2 - 3):
        inner = f'{{"url":"urn:x","extension":[{inner}]}}'

    assert not parse_and_validate(f'{{"resourceType":"Patient","extension":[{inner}]}}'.encode())
