"""What reaches a participant over the server is anybody's bytes."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from video.headless.agreement import Person
from video.headless.circle import Circle
from video.headless.words import written

WORDS = st.sampled_from(["commit", "open", "sync", "key", "unable", "x"])
VALUES: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats()
SAID = st.dictionaries(
    st.sampled_from(["page", "round", "commit", "kid", "hash", "nonce", "pub", "epoch", "boxes"]),
    VALUES | st.dictionaries(st.sampled_from(["a", "b"]), VALUES, max_size=2),
)


def messages() -> st.SearchStrategy[bytes]:
    """Sealed and plain ones, in form or not."""
    plain = st.builds(lambda kind, said: b"\0" + json.dumps({"kind": kind} | said).encode(), WORDS, SAID)
    return plain | st.binary(max_size=40) | st.builds(lambda body: b"\1" + body, st.binary(max_size=40))


@given(st.lists(messages(), max_size=8))
@example([b"\1"])
@example([b"\0" + b"[" * 20_000])
def test_what_makes_no_sense_is_passed_over(said: list[bytes]) -> None:
    circle = Circle("r", Person("a", "patient"), say=lambda *_: None, heard=lambda _: None, later=lambda *_: None)
    circle.people([Person("b", "physician")])

    for each in said:
        circle.hear("b", written(each))

    assert not circle.keyed
