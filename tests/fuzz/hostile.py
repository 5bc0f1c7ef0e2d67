"""Strategies for what nobody should send: JSON that is nearly right, odd numbers, odd texts, odd addresses."""

import json
from collections.abc import Iterator
from typing import Any, Final

from hypothesis import strategies as st

HERE: Final = "\x01here\x01"

# Texts that have broken parsers, comparisons, databases or pages somewhere.
TEXTS: Final = (
    "", " ", "\u0000", "\ud800", "\udfff\ud800", "\ufeff", "\u202e", "\u200b", "ﷺ" * 200, "Z\u0351\u036b\u0343" * 50,
    "'", '"', "\\", "\\u0000", "%00", "%", "%zz", "../../etc/passwd", "a\r\nb: c", "$" * 50, "|||", ",,,", "\\,\\|\\$", "ß" * 5000,
    "A" * 100_000, "2026-02-30", "0000-00-00", "9999-12-31T23:59:60Z", "2026-01-01T00:00:00+99:99", "1e999999999", "-0", "NaN", "true",
    "Patient/", "/Patient/1", "Patient/1/_history/", "urn:uuid:", "#", "http://", "http://[", "javascript:alert(1)", "data:text/html,x",
    "<div xmlns='http://www.w3.org/1999/xhtml'><script>x</script></div>", "<" * 2000, "&" * 2000, "(a+)+$", "१२३",
)  # fmt: skip

# JSON fragments as they stand in the text: what json.dumps never writes, too.
FRAGMENTS: Final = (
    "null", "true", "[]", "{}", "[[]]", "[null]", "0", "-0", "-1", "1.0", "0.40", "1e2", "1E400", "-1e-400", "1e999999999",
    "9" * 400, "0." + "3" * 2000, "9" * 5000, "1e-999999999", '"\\ud800"', '"\\u0000"', '"\\ud83d"', '{"a":{"a":{"a":{}}}}',
    "[" * 60 + "]" * 60, "[" * 500 + "]" * 500, '{"extension":[{"url":"a","extension":[]}]}', '{"reference":"#"}',
    '{"reference":"Patient/1","type":"Unicorn"}', '{"resourceType":"Patient"}', '{"resourceType":"Unicorn"}', '{"resourceType":null}',
    '{"a":1,"a":2}', "NaN", "Infinity", "01", "tru", "'a'", '"\t"', "", "[1,]", '{"a":}',
)  # fmt: skip

texts: Final = st.sampled_from(TEXTS) | st.text(max_size=40)
fragments: Final = (
    st.sampled_from(FRAGMENTS) | texts.map(json.dumps) | st.integers().map(str) | st.floats().map(json.dumps)
)


@st.composite
def spoiled(draw: st.DrawFn, resources: list[dict[str, Any]]) -> tuple[str, bytes]:
    """A type, and a resource of it of which one to three places hold something else, or have another name."""
    resource = draw(st.sampled_from(resources))
    text = json.dumps(resource)
    for _ in range(draw(st.integers(1, 3))):
        changed = json.loads(text) if _readable(text) else None
        if changed is None:
            break
        places = list(_places(changed))
        node, key = draw(st.sampled_from(places))
        fragment = draw(fragments)
        if isinstance(node, dict) and draw(st.booleans()) and draw(st.booleans()):
            node[draw(texts)] = node.pop(key)
        elif isinstance(node, dict) and draw(st.booleans()):
            node["_" + str(key)] = HERE
        else:
            node[key] = HERE
        text = json.dumps(changed).replace(json.dumps(HERE), fragment)
    return resource["resourceType"], text.encode("utf-8", "surrogatepass")


def _readable(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield node, key
        yield from _places(value)


raw: Final = st.binary(max_size=200) | st.sampled_from(
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"resourceType":"Patient","name":' + b"[" * 63 + b"]" * 63 + b"}",
        b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 900_000 + b"}",
        b'{"resourceType":"Patient","multipleBirthInteger":1e' + b"9" * 900_000 + b"}",
        b'{"resourceType":"Observation","valueQuantity":{"value":0.' + b"1" * 900_000 + b"}}",
        b'{"resourceType":"Patient",' + b",".join(b'"k%d":1' % number for number in range(80_000)) + b"}",
        b'{"resourceType":"Patient","name":[' + b",".join([b"{}"] * 250_000) + b"]}",
        b'{"resourceType":"Patient","name":[{"family":"' + b"\\u00df" * 150_000 + b'"}]}',
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'"' + b"\\" * 100_001,
    ]
)
