"""RTCP comes out as it went in; damaged bytes are refused; nothing else is passed on."""

import pytest
from aiortc import rtp
from hypothesis import given
from hypothesis import strategies as st

from video.mirror import Mirror
from video.rtcp import PSFB, RTPFB, Block, Feedback, MalformedError, Packet, Report, parse, write

AUDIO, VIDEO, RTX = 111, 96, 97
OUT = {AUDIO: 0x7E1E0001, VIDEO: 0x7E1E0002, RTX: 0x7E1E0003}

ssrcs = st.integers(0, 2**32 - 1)
blocks = st.builds(Block, ssrcs, st.binary(min_size=20, max_size=20))
reports = st.builds(
    Report,
    ssrcs,
    st.one_of(st.just(b""), st.binary(min_size=20, max_size=20)),
    st.lists(blocks, max_size=31).map(tuple),
)
fcis = st.lists(st.binary(min_size=4, max_size=4), max_size=20).map(b"".join)
feedbacks = st.builds(Feedback, st.sampled_from([RTPFB, PSFB]), st.integers(0, 31), ssrcs, ssrcs, fcis)
packets = st.lists(st.one_of(reports, feedbacks), min_size=1, max_size=5)


@given(packets=packets)
def test_reports_and_feedback_come_out_as_they_went_in(packets: list[Packet]) -> None:
    assert parse(write(packets)) == packets


@given(data=st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        packets = parse(data)
    except MalformedError:
        return
    assert len(write(packets)) <= len(data)


@given(packets=packets, cut=st.integers(1, 3))
def test_cut_packet_is_refused(packets: list[Packet], cut: int) -> None:
    with pytest.raises(MalformedError):
        parse(write(packets)[:-cut])


def test_what_aiortc_writes_is_read() -> None:
    info = rtp.RtcpSenderInfo(ntp_timestamp=1, rtp_timestamp=2, packet_count=3, octet_count=4)
    sent = bytes(rtp.RtcpSrPacket(ssrc=5, sender_info=info)) + bytes(
        rtp.RtcpRtpfbPacket(fmt=rtp.RTCP_RTPFB_NACK, ssrc=5, media_ssrc=6, lost=[7, 9])
    )

    report, nack = parse(sent)

    assert report == Report(5, bytes(info), ())
    assert isinstance(nack, Feedback)
    assert (nack.format, nack.sender, nack.media) == (1, 5, 6)


def _packet(payload: int, *, ssrc: int, body: bytes = b"opaque") -> bytes:
    return bytes([0x80, payload]) + b"\x00\x01" + b"\x00\x00\x00\x02" + ssrc.to_bytes(4, "big") + body


def _mirror() -> Mirror:
    """A mirror that has seen sound, picture and repair of a browser."""
    mirror = Mirror(OUT)
    for payload, ssrc in ((AUDIO, 1), (VIDEO, 2), (RTX, 3)):
        mirror.rtp(_packet(payload, ssrc=ssrc))
    return mirror


@given(body=st.binary(max_size=1400), marker=st.booleans())
def test_mirror_changes_nothing_but_the_ssrc(*, body: bytes, marker: bool) -> None:
    packet = _packet(VIDEO | (0x80 if marker else 0), ssrc=2, body=body)

    back = Mirror(OUT).rtp(packet)

    assert back is not None
    assert back[:8] + back[12:] == packet[:8] + packet[12:]
    assert int.from_bytes(back[8:12], "big") == OUT[VIDEO]


@pytest.mark.parametrize("packet", [b"", b"\x80", _packet(100, ssrc=1), _packet(AUDIO, ssrc=1, body=bytes(1500))])
def test_packet_that_was_not_agreed_does_not_come_back(packet: bytes) -> None:
    assert Mirror(OUT).rtp(packet) is None


def _mirrored(packet: Packet) -> list[Packet]:
    back = _mirror().rtcp(write([packet]))
    return [] if back is None else parse(back)


def test_sender_report_returns_as_that_of_the_echo() -> None:
    report = Report(2, bytes(20), (Block(OUT[VIDEO], bytes(20)), Block(999, bytes(20))))

    assert _mirrored(report) == [Report(OUT[VIDEO], bytes(20), (Block(2, bytes(20)),))]


def test_receiver_report_about_the_echo_returns_as_one_about_the_browser() -> None:
    assert _mirrored(Report(1, b"", (Block(OUT[AUDIO], b"x" * 20),))) == [
        Report(OUT[AUDIO], b"", (Block(1, b"x" * 20),))
    ]


@pytest.mark.parametrize(("kind", "format"), [(RTPFB, 1), (PSFB, 1)])
def test_lost_packets_and_key_frames_are_asked_of_the_browser(kind: int, format: int) -> None:
    assert _mirrored(Feedback(kind, format, 2, OUT[VIDEO], b"\x00\x01\x00\x00")) == [
        Feedback(kind, format, OUT[AUDIO], 2, b"\x00\x01\x00\x00")
    ]


def test_bandwidth_estimate_returns_about_the_browsers_own_streams() -> None:
    fci = rtp.pack_remb_fci(500_000, [OUT[VIDEO], OUT[RTX], 999])

    (back,) = _mirrored(Feedback(PSFB, 15, 2, 0, fci))

    assert isinstance(back, Feedback)
    assert rtp.unpack_remb_fci(back.fci) == (500_000, [2, 3])


@pytest.mark.parametrize("packet", [Feedback(PSFB, 1, 2, 999, b""), Feedback(RTPFB, 15, 2, 2, b""), Report(9, b"", ())])
def test_feedback_about_strangers_is_dropped(packet: Packet) -> None:
    assert _mirrored(packet) == []


@given(data=st.binary(max_size=300))
def test_mirror_survives_any_bytes(data: bytes) -> None:
    mirror = _mirror()

    rtp_back, rtcp_back = mirror.rtp(data), mirror.rtcp(data)

    assert rtp_back is None or len(rtp_back) == len(data)
    assert rtcp_back is None or len(rtcp_back) <= len(data)
