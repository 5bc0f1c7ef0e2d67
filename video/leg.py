"""One participant's media at the unit: what comes up from it, what goes down to it, and the feedback in both directions.

It sees packets and times, never a socket; `emit` is where packets leave.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from video import rtcp, rtp, twcc
from video.bandwidth import Bandwidth
from video.downlink import Downlink, Outgoing
from video.layers import Hope
from video.messages import Want
from video.rtcp import Feedback, Report
from video.unit_answer import OWN_SSRC, slots
from video.unit_offer import REPAIRED, RID, WIDE, Section, UnitOffer
from video.uplink import Uplink

MOST_STREAMS: Final = 16
KEY_EVERY: Final = 0.3
"""A key frame is asked for at most so often: it is many times as large as another, and all who asked get it."""

REPORT_EVERY: Final = 1.0
ACKNOWLEDGE_EVERY: Final = 0.1
"""As libwebrtc does at a middling rate; each costs as much as a forwarded packet."""

KEYS: Final = {"audio": "audio", "camera": "h", "screen": "screen"}


class Leg:
    """Everything of one call of one participant."""

    def __init__(
        self,
        offer: UnitOffer,
        *,
        kid: int,
        on_stream: Callable[[str], None],
        on_plain: Callable[[], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.kid = kid
        self.sent: dict[str, Uplink] = {}
        self.hope = Hope()
        self.out = Outgoing()
        self.bandwidth = Bandwidth(self.out.sent)
        self.wants: dict[str, Want] = {}
        self.refused = False
        self._own, self._now = offer.own(), now
        self._on_stream, self._on_plain = on_stream, on_plain
        self._streams: dict[int, Uplink] = {}
        self._repairs: dict[int, Uplink] = {}
        self._acknowledging = twcc.Arrivals()
        self._arrivals = self._acknowledging.came
        self._acknowledged = self._reported = 0.0
        served = [(slot, Downlink(slot.ssrc, slot.rtx_ssrc, form=slot.form(), out=self.out)) for slot in slots(offer)]
        self.sounds = [down for slot, down in served if slot.name != "screen" and down.form.kind == "audio"]
        self.pictures = [down for slot, down in served if slot.name != "screen" and down.form.kind == "video"]
        self.screen = next((down for slot, down in served if slot.name == "screen"), None)
        self._downs = {down.ssrc: down for _, down in served}
        some = next(iter(self._own.values()), None)
        self._wide, self._rid, self._repaired = (
            (some.extension(WIDE), some.extension(RID), some.extension(REPAIRED)) if some else (0, 0, 0)
        )
        self.has_red = all("red" in down.form.payloads for down in self.sounds)

    @property
    def downs(self) -> tuple[Downlink, ...]:
        """All streams that go down to this participant."""
        return tuple(self._downs.values())

    def send_through(self, send: Callable[[bytes], None]) -> None:
        """Hand packets that leave to `send`."""
        self.out.send = send

    @property
    def sends_red(self) -> bool:
        """True if the page prefers sound with its repetition."""
        return "audio" in self._own and self._own["audio"].payloads[0][0] == "red"

    def payloads_for(self, key: str, down: Downlink) -> Mapping[int, int]:
        """Which payload type of one of our streams is which one in a receiving section of somebody else."""
        section = self._own["camera" if key in ("h", "l") else key]
        there = down.form.payloads
        return {number: there[name] for name, number in section.payloads if name in there}

    def rtp(self, packet: bytes) -> None:
        """Take a media packet of this participant."""
        read = rtp.read(packet, self._wide)
        if read is None or self.refused:
            return
        second, seq, ts, ssrc, payload, number = read
        now = self._now()
        if number >= 0:
            self._arrivals[number] = now
        stream = self._streams.get(ssrc)
        if stream is None:
            stream = self._repairs.get(ssrc)
            if stream is not None:
                if len(payload) > 2:
                    # The payload type of a repetition is another one; what it repeats was one of the stream's own.
                    seq, kind = payload[0] << 8 | payload[1], self._payload_of(stream)
                    if not stream.take(second & 0x80 | kind, seq, ts, payload[2:], now=now):
                        self._found_plain()
                return
            stream = self._found(packet, second & 0x7F, ssrc)
            if stream is None:
                return
        if not stream.take(second, seq, ts, payload, now=now):
            self._found_plain()

    def rtcp(self, data: bytes) -> None:
        """Take this participant's feedback and reports."""
        try:
            packets = rtcp.parse(data)
            for packet in packets:
                if isinstance(packet, Report):
                    self._report(packet)
                else:
                    self._feedback(packet)
        except rtcp.MalformedError:
            return

    def acknowledge(self, now: float) -> None:
        """Tell the participant which of its packets came, and ask for those that did not; every 20 ms."""
        out: list[rtcp.Packet] = []
        if now - self._acknowledged >= ACKNOWLEDGE_EVERY:
            self._acknowledged = now
            if (feedback := self._acknowledging.feedback(sender=OWN_SSRC, media=self._some_ssrc())) is not None:
                out.append(feedback)
        for stream in self._streams.values():
            if stream.missing and (missing := stream.asked_for(now)):
                out.append(rtcp.nack(missing, sender=OWN_SSRC, media=stream.ssrc))
        if now - self._reported >= REPORT_EVERY and self._streams:
            self._reported = now
            out.append(Report(OWN_SSRC, b"", tuple(one.report(now) for one in self._streams.values())))
        if out:
            self.out.send(rtcp.write(out))

    def ask_key(self, stream: Uplink) -> None:
        """Ask this participant for a key frame of one of its pictures, unless that was done just now."""
        now = self._now()
        if now - stream.asked_key >= KEY_EVERY:
            stream.asked_key = now
            self.out.send(rtcp.write([Feedback(rtcp.PSFB, rtcp.PLI, OWN_SSRC, stream.ssrc, b"")]))

    def limit(self, bits: int) -> None:
        """Tell this participant that its picture may have no more than so many bits a second."""
        if (camera := self.sent.get("h")) is not None:
            self.out.send(rtcp.write([rtcp.remb(bits, sender=OWN_SSRC, ssrcs=(camera.ssrc,))]))

    def close(self) -> None:
        """Forward nothing any more, in either direction."""
        self.refused = True
        for down in self._downs.values():
            down.release()

    def _found_plain(self) -> None:
        self.refused = True
        self._on_plain()

    def _payload_of(self, stream: Uplink) -> int:
        section = self._own["audio" if stream.kind == "audio" else "screen" if stream.layer == "screen" else "camera"]
        return section.payloads[0][1]

    def _found(self, packet: bytes, payload_type: int, ssrc: int) -> Uplink | None:
        """The stream that begins with this packet; None where it was not offered, or is one of repetitions."""
        if len(self._streams) + len(self._repairs) >= MOST_STREAMS:
            return None
        for name, section in self._own.items():
            for first, repair in section.ssrcs:
                if ssrc == first and payload_type in dict(section.payloads).values():
                    return self._begun(KEYS[name], section, ssrc)
                if ssrc == repair:
                    self._repair(KEYS[name], ssrc)
                    return None
        named = rtp.extensions(packet)
        layer = named.get(self._rid, b"").decode("ascii", "replace") if self._rid else ""
        camera = self._own.get("camera")
        if camera is not None and layer in camera.rids and payload_type in dict(camera.payloads).values():
            return self._begun(layer, camera, ssrc)
        repaired = named.get(self._repaired, b"").decode("ascii", "replace") if self._repaired else ""
        if camera is not None and repaired in camera.rids:
            self._repair(repaired, ssrc)
        return None

    def _begun(self, key: str, section: Section, ssrc: int) -> Uplink:
        before = self.sent.get(key)
        if before is not None:
            self._streams.pop(before.ssrc, None)
        clock = 48_000 if section.kind == "audio" else 90_000
        stream = self._streams[ssrc] = self.sent[key] = Uplink(ssrc, section.kind, layer=key, kid=self.kid, clock=clock)
        self._on_stream(key)
        return stream

    def _repair(self, key: str, ssrc: int) -> None:
        if (stream := self.sent.get(key)) is not None:
            self._repairs[ssrc] = stream

    def _some_ssrc(self) -> int:
        return next(iter(self._streams), 0)

    def _report(self, packet: Report) -> None:
        now = self._now()
        if packet.sender_info and (stream := self._streams.get(packet.ssrc)) is not None:
            stream.reported(packet, now)
        for about in packet.blocks:
            if (down := self._downs.get(about.ssrc)) is not None:
                down.told(about)

    def _feedback(self, packet: Feedback) -> None:
        now, down = self._now(), self._downs.get(packet.media)
        match packet.kind, packet.format:
            case (rtcp.RTPFB, rtcp.NACK) if down is not None:
                down.resend(rtcp.nacked(packet.fci), now)
            case (rtcp.RTPFB, rtcp.TRANSPORT_WIDE):
                self.bandwidth.acknowledged(twcc.read(packet.fci), now)
            case (rtcp.PSFB, rtcp.PLI) if down is not None:
                down.ask_key()
            case (rtcp.PSFB, rtcp.FIR):
                for at in range(0, len(packet.fci) - 7, 8):
                    if (one := self._downs.get(int.from_bytes(packet.fci[at : at + 4], "big"))) is not None:
                        one.ask_key()
            case (rtcp.PSFB, rtcp.AFB) if rtcp.remb_bits(packet.fci):
                self.bandwidth.limited(rtcp.remb_bits(packet.fci))
