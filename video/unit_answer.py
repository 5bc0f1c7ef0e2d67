"""The forwarding unit's answer: fixed SSRCs for every slot, so that it never has to change. Pure."""

from dataclasses import dataclass
from typing import Final

from video.downlink import Format
from video.sdp import Local, refused
from video.unit_offer import CODECS, WIDE, Section, UnitOffer

FIRST_SSRC: Final = 0x7E1E_1001
OWN_SSRC: Final = 0x7E1E_0FFF
"""Under which our own reports and requests go out."""

CAMERA_KILOBITS: Final = 1500
SCREEN_KILOBITS: Final = 2000
OPUS: Final = "minptime=10;useinbandfec=1"


@dataclass(frozen=True, slots=True)
class Slot:
    """One receiving section: its name and the SSRCs under which it is served."""

    name: str
    section: Section
    ssrc: int
    rtx_ssrc: int

    def form(self) -> Format:
        """What was agreed for it."""
        section = self.section
        clock = 48_000 if section.kind == "audio" else 90_000
        return Format(section.kind, clock, dict(section.payloads), section.rtx, section.extension(WIDE))


def slots(offer: UnitOffer) -> list[Slot]:
    """All receiving sections: `slot-0` sound and picture, `slot-1` sound and picture, ..., `screen`."""
    pairs, screen = offer.slots()
    named = [(f"slot-{number}", one) for number, pair in enumerate(pairs) for one in pair]
    named += [("screen", screen)] if screen else []
    return [Slot(name, one, FIRST_SSRC + 2 * n, FIRST_SSRC + 2 * n + 1) for n, (name, one) in enumerate(named)]


def write_unit_answer(offer: UnitOffer, local: Local, *, red: bool) -> str:
    """The answer to an accepted offer; without `red` nobody is asked to send sound with its repetition."""
    bundled = " ".join(one.mid for one in offer.sections if one.payloads)
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {bundled}", "a=msid-semantic:WMS *"]
    served = {one.section.mid: one for one in slots(offer)}
    own = {section.mid for section in offer.own().values()}
    for section in offer.sections:
        if section.mid in own:
            lines += [*_section(section, local, red=red), "a=recvonly", *_layers(section)]
        elif section.mid in served:
            lines += [*_section(section, local, red=True), "a=sendonly", *_streams(served[section.mid])]
        else:
            lines += [*refused(section.kind, section.protocol, section.mid)]
    return "\r\n".join(lines) + "\r\n"


def _section(section: Section, local: Local, *, red: bool) -> list[str]:
    codecs = [(name, number) for name, number in section.payloads if red or name != "red"]
    numbers = [number for _, number in codecs] + ([section.rtx] if section.rtx is not None else [])
    clock = 48_000 if section.kind == "audio" else 90_000
    lines = [
        f"m={section.kind} 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, numbers))}",
        "c=IN IP4 0.0.0.0",
        *([f"b=AS:{CAMERA_KILOBITS}"] if section.kind == "video" else []),
        f"a=mid:{section.mid}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        *(f"a=fingerprint:{kind} {value}" for kind, value in local.fingerprints),
        "a=setup:active",
        *(f"a=candidate:{one}" for one in local.candidates),
        "a=end-of-candidates",
        *(f"a=rtpmap:{number} {CODECS[section.kind][name]}" for name, number in codecs),
        *(f"a=fmtp:{number} {OPUS}" for name, number in codecs if name == "opus"),
        *(f"a=fmtp:{number} {opus}/{opus}" for name, number in codecs if name == "red" for opus in _opus(section)),
        *(f"a=rtcp-fb:{number} {one}" for number, one in section.feedback if number in numbers),
        *(
            f"a=extmap:{number} {name}"
            for name, number in section.extensions
            if section.sends or "rtp-stream-id" not in name
        ),
    ]
    if section.rtx is not None:
        repeated = next(number for name, number in section.payloads if name != "red")
        lines += [f"a=rtpmap:{section.rtx} rtx/{clock}", f"a=fmtp:{section.rtx} apt={repeated}"]
    return lines


def _opus(section: Section) -> list[int]:
    return [number for name, number in section.payloads if name == "opus"]


def _layers(section: Section) -> list[str]:
    if not section.rids:
        return []
    return [*(f"a=rid:{rid} recv" for rid in section.rids), f"a=simulcast:recv {';'.join(section.rids)}"]


def _streams(slot: Slot) -> list[str]:
    lines = [f"a=msid:{slot.name} {slot.section.kind}"]
    if slot.section.rtx is None:
        return [*lines, f"a=ssrc:{slot.ssrc} cname:{slot.name}"]
    group = f"a=ssrc-group:FID {slot.ssrc} {slot.rtx_ssrc}"
    return [*lines, group, *(f"a=ssrc:{one} cname:{slot.name}" for one in (slot.ssrc, slot.rtx_ssrc))]
