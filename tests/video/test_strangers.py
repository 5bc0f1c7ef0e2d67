"""Bytes and messages of anybody, at what parses them: a leg of the unit, the signalling, a worker; no crash, no growth."""

from hypothesis import given
from hypothesis import strategies as st

from tests.video.test_unit_sdp import LOCAL
from video import messages, rtp, wire
from video.group import Group
from video.headless.media import Stream
from video.headless.offer import AUDIO_SSRC, FIRST_PICTURE_SSRC, OPUS, VP8, write_offer
from video.leg import MOST_STREAMS, Leg
from video.messages import FromUnit
from video.sframe import Sealer, Suite
from video.unit_offer import parse_unit_offer

KID = 0x1230
PACKETS = st.binary(max_size=120) | st.builds(
    lambda first, second, rest: bytes([first, second]) + rest,
    st.sampled_from([0x80, 0x90, 0xB0, 0xA0, 0x9F]),
    st.sampled_from([OPUS, VP8, 0x80 | VP8, 97]),
    st.binary(min_size=10, max_size=100),
)
FEEDBACK = st.binary(max_size=80) | st.builds(
    lambda form, kind, words, rest: bytes([0x80 | form, kind, 0, words]) + rest,
    st.sampled_from([1, 4, 15, 0, 31]),
    st.sampled_from([200, 201, 202, 203, 205, 206]),
    st.integers(0, 12),
    st.binary(min_size=4, max_size=60),
)


class Room:
    """Two legs of one room, without sockets; what leaves is kept."""

    def __init__(self, *, layers: bool = False) -> None:
        self.now, self.left, self.plain = 1.0, list[bytes](), list[str]()
        self.group = Group(self._told)
        self.legs = {who: self._leg(who, KID + 0x100 * place, layers=layers) for place, who in enumerate("ab")}
        for who, leg in self.legs.items():
            self.group.join(who, leg, self.now)

    def _leg(self, who: str, kid: int, *, layers: bool) -> Leg:
        leg = Leg(
            parse_unit_offer(write_offer(LOCAL, slots=1, layers=layers)),
            kid=kid,
            on_stream=lambda key: self.group.began(who, key, self.now),
            on_plain=lambda: self.plain.append(who),
            now=lambda: self.now,
        )
        leg.send_through(self.left.append)
        return leg

    def _told(self, participant: str, message: FromUnit) -> None:
        messages.encode(message)

    def pass_time(self) -> None:
        """Half a second with all that is done in it."""
        self.now += 0.5
        self.group.refresh(self.now)
        self.group.arrange(self.now)
        self.group.limit(self.now)


@given(packets=st.lists(PACKETS, max_size=40), layers=st.booleans())
def test_media_of_anybody_leave_nothing_and_grow_nothing(packets: list[bytes], layers: bool) -> None:  # noqa: FBT001  a fact
    room = Room(layers=layers)
    for packet in packets:
        room.legs["a"].rtp(packet)
        room.pass_time()

    forwarded = [one for one in room.left if not 192 <= one[1] <= 223]
    assert forwarded == []
    assert len(room.legs["a"]._streams) + len(room.legs["a"]._repairs) <= MOST_STREAMS


@given(feedback=st.lists(FEEDBACK, max_size=40))
def test_feedback_of_anybody_breaks_nothing(feedback: list[bytes]) -> None:
    room = Room()
    stream, sealer = Stream(AUDIO_SSRC, OPUS), Sealer(b"k" * 16, KID)
    for number, data in enumerate(feedback):
        room.legs["a"].rtp(
            stream.packet(sealer.seal(b"sound", suite=Suite.CTR_80), ts=960 * number, last=False, number=number)
        )
        room.legs["b"].rtcp(data)
        room.legs["a"].rtcp(data)
        room.pass_time()

    assert room.plain == []
    assert sum(one[1] & 0x7F == OPUS for one in room.left) >= len(feedback)


@given(text=st.text(max_size=200) | st.binary(max_size=200), kind=st.sampled_from(["sealed", "unit", "view", "remove"]))
def test_messages_of_anybody_are_understood_or_refused(text: str | bytes, kind: str) -> None:
    for one in (text, f'{{"type":"{kind}",{text!r}}}', f'{{"type":"{kind}"}}'):
        try:
            messages.decode(one)
        except ValueError:
            continue


@given(data=st.binary(max_size=200))
def test_what_is_published_by_anybody_is_understood_or_refused(data: bytes) -> None:
    for decoder in (wire.asked, wire.said, wire.beats):
        try:
            decoder.decode(data)
        except ValueError:
            continue


@given(
    elements=st.dictionaries(st.integers(1, 14), st.binary(min_size=1, max_size=16), max_size=6),
    gaps=st.integers(0, 3),
    payload=st.binary(max_size=30),
    wide=st.integers(0, 14),
)
def test_header_is_read_as_it_was_written(elements: dict[int, bytes], gaps: int, payload: bytes, wide: int) -> None:
    body = b"".join(bytes(gaps) + bytes([one << 4 | len(value) - 1]) + value for one, value in elements.items())
    body += bytes(-len(body) % 4)
    head = rtp.HEADER.pack(0x90, 96, 7, 8, 9) + b"\xbe\xde" + (len(body) // 4).to_bytes(2, "big")

    number = int.from_bytes(elements[wide], "big") if len(elements.get(wide, b"")) == 2 else -1
    assert rtp.read(head + body + payload, wide) == (96, 7, 8, 9, payload, number)
    assert rtp.extensions(head + body + payload) == elements


@given(packet=PACKETS | st.binary(min_size=1490, max_size=1510), wide=st.integers(0, 14))
def test_packet_is_read_exactly_where_its_payload_begins(packet: bytes, wide: int) -> None:
    start, read = rtp.payload_start(packet), rtp.read(packet, wide)

    assert (read is None) is (start < 0)
    assert read is None or packet[start:].startswith(read[4])


def test_padding_is_cut_off_before_the_seal_is_looked_for() -> None:
    room = Room()
    sealed = Sealer(b"k" * 16, KID).seal(b"sound", suite=Suite.CTR_80)
    packet = bytearray(Stream(AUDIO_SSRC, OPUS).packet(sealed + b"\0\0\0\x04", ts=1, last=False, number=1))
    packet[0] |= rtp.PADDING
    room.legs["a"].rtp(bytes(packet))

    assert room.plain == []
    assert next(one for one in room.left if one[1] == OPUS).endswith(sealed)


def test_streams_beyond_a_few_are_not_served() -> None:
    room = Room(layers=True)
    for ssrc in range(100):
        room.legs["a"].rtp(Stream(ssrc, VP8, rid="h").packet(b"x" * 20, ts=1, last=False, number=ssrc))
        room.legs["a"].rtp(Stream(FIRST_PICTURE_SSRC, VP8).packet(b"x", ts=1, last=False, number=ssrc))

    assert len(room.legs["a"]._streams) <= MOST_STREAMS
