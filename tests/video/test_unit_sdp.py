"""Offers to the forwarding unit: what is accepted, what is refused, and that nobody's text breaks anything."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video.headless.offer import read_answer, write_offer
from video.messages import LARGEST
from video.sdp import LONGEST, Local, OfferRefused
from video.unit_answer import FIRST_SSRC, slots, write_unit_answer
from video.unit_offer import MOST_SECTIONS, parse_unit_offer

LOCAL = Local("abcd", "p" * 24, (("sha-256", ":".join(["AB"] * 32)),), ("1 1 udp 1 127.0.0.1 5000 typ host",))
OFFER = write_offer(LOCAL, slots=2, layers=True, screen=True)
CHROMIUM = (Path(__file__).parent / "unit_offers" / "chromium.sdp").read_text()
OFFERS = [OFFER, CHROMIUM]


def test_sections_are_told_apart_by_direction_and_order() -> None:
    offer = parse_unit_offer(OFFER)

    assert {name: section.mid for name, section in offer.own().items()} == {"audio": "0", "camera": "1", "screen": "2"}
    assert [(slot.name, slot.section.kind, slot.section.mid) for slot in slots(offer)] == [
        ("slot-0", "audio", "3"),
        ("slot-0", "video", "4"),
        ("slot-1", "audio", "5"),
        ("slot-1", "video", "6"),
        ("screen", "video", "7"),
    ]
    assert offer.own()["camera"].rids == ("h", "l")


@pytest.mark.parametrize("text", OFFERS)
def test_answer_takes_every_section_in_order_and_never_changes(text: str) -> None:
    offer = parse_unit_offer(text)

    answer = write_unit_answer(offer, LOCAL, red=True)

    assert [line.split()[0] for line in answer.split("\r\n") if line.startswith("m=")] == [
        line.split()[0] for line in text.replace("\r\n", "\n").split("\n") if line.startswith("m=")
    ]
    assert write_unit_answer(parse_unit_offer(text), LOCAL, red=True) == answer
    assert sorted(read_answer(answer).streams) == [FIRST_SSRC + 2 * n for n in range(len(slots(offer)))]


@pytest.mark.parametrize("text", OFFERS)
def test_mid_and_audio_level_and_other_codecs_are_refused(text: str) -> None:
    spoiled = text.replace("a=rtcp-mux", "a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=rtcp-mux")
    spoiled = spoiled.replace("a=rtcp-mux", "a=extmap:10 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=rtcp-mux")

    answer = write_unit_answer(parse_unit_offer(spoiled), LOCAL, red=True)

    assert "sdes:mid" not in answer
    assert "audio-level" not in answer
    assert {line.split()[1].split("/")[0] for line in answer.split("\r\n") if line.startswith("a=rtpmap")} <= {
        "opus",
        "red",
        "VP8",
        "rtx",
    }


def test_sound_with_repetition_is_asked_for_only_where_everybody_understands_it() -> None:
    offer = parse_unit_offer(CHROMIUM)

    both, plain = (write_unit_answer(offer, LOCAL, red=red) for red in (True, False))

    assert both.count(" red/48000/2") > plain.count(" red/48000/2") > 0
    assert " red/48000/2" not in plain.split("m=")[1]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("v=0", "v=1", 1),
        lambda text: text.replace("a=ice-pwd:", "a=other:"),
        lambda text: text.replace("a=fingerprint:", "a=other:"),
        lambda text: text.replace("a=setup:actpass", "a=setup:active"),
        lambda text: text.replace("opus", "other").replace("VP8", "other"),
        lambda text: text.replace("a=mid:1", "a=mid:0"),
        lambda text: text.replace("a=mid:1", "a=mid:é"),
        lambda text: text + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:x\r\n" * MOST_SECTIONS,
        lambda text: text + "a=x\r\n" * LONGEST,
    ],
)
def test_offer_that_can_not_be_answered_is_refused(spoil: object) -> None:
    assert callable(spoil)

    with pytest.raises(OfferRefused):
        parse_unit_offer(spoil(OFFER))


def test_largest_offer_of_eight_people_fits_into_a_message() -> None:
    assert len(write_offer(LOCAL, slots=7, layers=True, screen=True)) < LONGEST < LARGEST


@given(text=st.text(max_size=300))
def test_any_text_is_an_offer_or_refused(text: str) -> None:
    with pytest.raises(OfferRefused):
        parse_unit_offer(text)


@given(data=st.data(), base=st.sampled_from(OFFERS))
def test_damaged_offer_is_answered_or_refused_and_nothing_of_it_is_repeated(data: st.DataObject, base: str) -> None:
    lines = base.replace("\r\n", "\n").split("\n")
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(lines) - 1))
        what = data.draw(st.sampled_from(["drop", "double", "cut", "strange"]))
        line = lines[at]
        lines[at : at + 1] = {
            "drop": [],
            "double": [line, line],
            "cut": [line[: data.draw(st.integers(0, len(line)))]],
            "strange": [line + data.draw(st.text(st.characters(exclude_characters="\n\r"), min_size=1, max_size=12))],
        }[what]
        lines = lines or [""]
    try:
        offer = parse_unit_offer("\r\n".join(lines))
    except OfferRefused:
        return

    answer = write_unit_answer(offer, LOCAL, red=True)

    assert answer.isascii()
    assert read_answer(answer).ufrag == LOCAL.ufrag
