"""Offers are read strictly; answers accept what is on the lists and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video.sdp import Local, OfferRefused, parse_offer, streams, write_answer

OFFERS = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "offers").glob("*.sdp"))}
CHROMIUM = OFFERS["chromium"]
LOCAL = Local("abcd", "p" * 22, (("sha-256", "AA:BB"),), ("1 1 udp 2130706431 127.0.0.1 40000 typ host",))


@pytest.mark.parametrize("name", OFFERS)
def test_offers_of_real_browsers_are_answered_with_opus_and_vp8(name: str) -> None:
    offer = parse_offer(OFFERS[name])

    answer = write_answer(offer, LOCAL)

    assert [section.kind for section in offer.sections] == ["audio", "video"]
    assert offer.sections[1].rtx is not None
    assert {"nack", "nack pli", "ccm fir", "goog-remb"} <= set(offer.sections[1].feedback)
    assert "opus/48000/2" in answer
    assert "VP8/90000" in answer
    assert "a=setup:active" in answer
    assert "a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host" in answer


@pytest.mark.parametrize("name", OFFERS)
def test_no_header_extension_but_the_send_time_is_accepted(name: str) -> None:
    answer = write_answer(parse_offer(OFFERS[name]), LOCAL)

    extensions = {line.split()[1] for line in answer.splitlines() if line.startswith("a=extmap")}

    assert extensions <= {"http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"}


def test_streams_go_out_under_different_ssrcs() -> None:
    ssrcs = streams(parse_offer(CHROMIUM))

    assert len(set(ssrcs.values())) == len(ssrcs) == 3


def test_data_channel_is_refused_in_the_answer() -> None:
    offered = CHROMIUM + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n"

    answer = write_answer(parse_offer(offered), LOCAL)

    assert "m=application 0 UDP/DTLS/SCTP webrtc-datachannel" in answer
    assert "a=group:BUNDLE 0 1\r\n" in answer


@pytest.mark.parametrize(
    "change",
    [
        ("a=ice-pwd:", "a=ice-xxx:"),
        ("a=ice-ufrag:", "a=ice-ufrag:é"),
        ("a=fingerprint:sha-256", "a=fingerprint:sha-1"),
        ("a=setup:actpass", "a=setup:holdconn"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        ("v=0", "v=1"),
        ("a=mid:1", "a=mid:0"),
        ("opus", "g722"),
    ],
)
def test_offer_without_what_a_secure_call_needs_is_refused(change: tuple[str, str]) -> None:
    text = CHROMIUM.replace(*change)
    if change[0] == "opus":
        text = text.replace("VP8", "VP9")

    with pytest.raises(OfferRefused):
        parse_offer(text)


def test_huge_offer_is_refused() -> None:
    with pytest.raises(OfferRefused):
        parse_offer(CHROMIUM + "a=x\r\n" * 10_000)


@given(text=st.text(max_size=2000))
def test_any_text_is_refused_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(OfferRefused):
        parse_offer(text)


@given(data=st.data())
def test_damaged_offer_is_refused_or_answered_in_lines_of_ours(data: st.DataObject) -> None:
    lines = CHROMIUM.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        lines[at] = data.draw(st.sampled_from(["", "m=", "m=video", lines[at][:7], lines[at] + "é\t ", lines[at - 1]]))
    try:
        offer = parse_offer("\r\n".join(lines))
    except OfferRefused:
        return

    answer = write_answer(offer, LOCAL)

    assert answer.isascii()
    assert all(line[1:2] == "=" for line in answer.strip().split("\r\n"))
