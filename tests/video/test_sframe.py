"""SFrame as RFC 9605 has it (appendix C's vectors), with the header behind, and what of it the unit sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video.sframe import (
    EPOCHS,
    FrameRefusedError,
    Key,
    Opener,
    Sealer,
    Suite,
    clear_of_vp8,
    header,
    key_id,
    read_header,
)

BASE = bytes(range(16))
METADATA = b"IETF SFrame WG"
PLAIN = b"draft-ietf-sframe-enc"
VECTORS = {
    Suite.CTR_80: "9901234567449408b6f490086165b9d6f62b24ae1a59a56486b4ae8ed036b88912e24f11",
    Suite.GCM_128: "9901234567b7412c2513a1b66dbb48841bbaf17f598751176ad847681a69c6d0b091c07018ce4adb34eb",
    Suite.GCM_256: "990123456794f509d36e9beacb0e261d99c7d1e972f1fed787d4049f17ca21353c1cc24d56ceabced279",
}
KIDS = st.integers(0x10, 0xFFF).map(lambda n: n * 16)
FRAMES = st.binary(min_size=0, max_size=300)


@pytest.mark.parametrize("suite", Suite)
def test_ciphertexts_are_those_of_the_rfc(suite: Suite) -> None:
    expected = bytes.fromhex(VECTORS[suite])
    about = header(0x123, 0x4567)

    sealed = Key(BASE, 0x123, suite).seal(PLAIN, ctr=0x4567, metadata=METADATA)

    assert about + sealed == expected
    assert Key(BASE, 0x123, suite).open(sealed, ctr=0x4567, metadata=METADATA) == PLAIN


@given(kid=st.integers(0, 2**64 - 1), ctr=st.integers(0, 2**64 - 1), behind=st.binary(max_size=4))
def test_header_says_what_was_written(kid: int, ctr: int, behind: bytes) -> None:
    written = header(kid, ctr)

    assert read_header(written + behind) == (kid, ctr, len(written))


@pytest.mark.parametrize(("kid", "ctr", "encoded"), [(0, 0, "00"), (7, 8, "7808"), (0x123, 0x4567, "9901234567")])
def test_header_is_as_short_as_it_can_be(kid: int, ctr: int, encoded: str) -> None:
    assert header(kid, ctr).hex() == encoded


@given(frame=FRAMES, kid=KIDS, epoch=st.integers(0, EPOCHS - 1), suite=st.sampled_from(Suite), clear=st.integers(0, 10))
def test_sealed_frame_names_its_sender_and_opens_for_who_has_the_key(
    frame: bytes, kid: int, epoch: int, suite: Suite, clear: int
) -> None:
    sealed = Sealer(BASE, kid + epoch).seal(frame, suite=suite, clear=clear)

    assert key_id(sealed) == kid + epoch
    assert sealed[:clear] == frame[:clear] or len(frame) < clear
    assert Opener({kid + epoch: BASE}).open(sealed, suite=suite, clear=min(clear, len(frame))) == frame


@given(frame=FRAMES, suite=st.sampled_from(Suite), where=st.integers(0, 400), bit=st.integers(0, 7))
def test_changed_frame_does_not_open(frame: bytes, suite: Suite, where: int, bit: int) -> None:
    sealed = bytearray(Sealer(BASE, 0x1230).seal(frame, suite=suite))
    sealed[where % len(sealed)] ^= 1 << bit

    with pytest.raises(FrameRefusedError):
        Opener({0x1230: BASE}).open(bytes(sealed), suite=suite)


def test_frame_opens_once_and_late_ones_open_within_a_window() -> None:
    sealer, opener = Sealer(BASE, 0x1230), Opener({0x1230: BASE})
    frames = [sealer.seal(bytes([n % 256]), suite=Suite.GCM_128) for n in range(3000)]

    assert opener.open(frames[2999], suite=Suite.GCM_128) == bytes([2999 % 256])
    assert opener.open(frames[2500], suite=Suite.GCM_128) == bytes([2500 % 256])
    for replayed in (frames[2999], frames[2500], frames[100]):
        with pytest.raises(FrameRefusedError):
            opener.open(replayed, suite=Suite.GCM_128)


def test_key_before_the_last_still_opens_and_the_one_before_that_does_not() -> None:
    opener, kids = Opener({}), (0x1230, 0x1231, 0x1232)
    frames = {kid: Sealer(BASE, kid).seal(b"frame", suite=Suite.CTR_80) for kid in kids}

    for kid in kids:
        opener.learn(kid, BASE)

    assert [opener.knows(kid) for kid in kids] == [False, True, True]
    for kid in kids[1:]:
        assert opener.open(frames[kid], suite=Suite.CTR_80) == b"frame"
    with pytest.raises(FrameRefusedError):
        opener.open(frames[kids[0]], suite=Suite.CTR_80)


def test_counter_is_never_used_twice_over_all_streams() -> None:
    sealer = Sealer(BASE, 0x1230)

    ends = {sealer.seal(b"", suite=suite)[-4:] for suite in list(Suite) * 100}

    assert len(ends) == 100 * len(Suite)


@given(st.binary(max_size=60))
def test_bytes_of_anybody_never_break_the_reader(data: bytes) -> None:
    assert -1 <= key_id(data) <= 0xFFFF
    with pytest.raises(FrameRefusedError):
        Opener({0x1230: BASE}).open(data, suite=Suite.CTR_80)


def test_clear_bytes_of_a_picture_are_its_payload_header() -> None:
    assert [clear_of_vp8(frame) for frame in (b"\x10\x00", b"\x11\x00", b"")] == [10, 3, 3]
