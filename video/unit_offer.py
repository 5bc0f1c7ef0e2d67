"""A page's offer to the forwarding unit (the manual, "what a page offers"), parsed. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from video.sdp import MID, OfferRefused, attribute, attributes, media_of, transport_of

MOST_SECTIONS: Final = 24
"""Three of one's own, seven pairs, one screen, and some to spare."""

WIDE: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
SEND_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
RID: Final = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED: Final = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
ACCEPTED: Final = (WIDE, SEND_TIME, RID, REPAIRED)
"""`mid` would misroute what is forwarded, and the audio level tells who speaks."""

CODECS: Final = {"audio": {"opus": "opus/48000/2", "red": "red/48000/2"}, "video": {"vp8": "VP8/90000"}}
FEEDBACK: Final = {
    "opus": ("nack", "transport-cc"),
    "red": ("nack", "transport-cc"),
    "vp8": ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"),
}
LAYERS: Final = ("h", "l")


@dataclass(frozen=True, slots=True)
class Section:
    """One m-line; `payloads` is empty where we refuse it. Codecs are in the order in which the page prefers them."""

    kind: str
    mid: str
    protocol: str
    sends: bool = False
    payloads: tuple[tuple[str, int], ...] = ()
    rtx: int | None = None
    feedback: tuple[tuple[int, str], ...] = ()
    extensions: tuple[tuple[str, int], ...] = ()
    rids: tuple[str, ...] = ()
    ssrcs: tuple[tuple[int, int | None], ...] = ()

    def extension(self, name: str) -> int:
        """The number of an accepted header extension; 0 where it was not offered."""
        return dict(self.extensions).get(name, 0)


@dataclass(frozen=True, slots=True)
class UnitOffer:
    """The transport and all sections, in order."""

    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]

    def own(self) -> dict[str, Section]:
        """What the page sends: `audio`, `camera`, `screen`; the first picture is the camera."""
        sending = [one for one in self.sections if one.payloads and one.sends]
        pictures = [one for one in sending if one.kind == "video"]
        found = dict(zip(("camera", "screen"), pictures, strict=False))
        sounds = [one for one in sending if one.kind == "audio"]
        return found | ({"audio": sounds[0]} if sounds else {})

    def slots(self) -> tuple[list[tuple[Section, Section]], Section | None]:
        """What the page receives: pairs of sound and picture, and the section of its own for a screen."""
        receiving = [one for one in self.sections if one.payloads and not one.sends]
        sounds = [one for one in receiving if one.kind == "audio"]
        pictures = [one for one in receiving if one.kind == "video"]
        pairs = list(zip(sounds, pictures, strict=False))
        return pairs, pictures[len(pairs)] if len(pictures) > len(pairs) else None


def parse_unit_offer(text: str) -> UnitOffer:
    """The offer; `OfferRefused` where it is none, or has nothing that we can forward."""
    session, parts = media_of(text, most=MOST_SECTIONS)
    sections = tuple(map(_section, parts))
    first = next((part for part, one in zip(parts, sections, strict=True) if one.payloads), None)
    if first is None or len({one.mid for one in sections}) != len(sections):
        raise OfferRefused
    return UnitOffer(*transport_of([*session, *first]), sections)


def _section(lines: list[str]) -> Section:
    words = lines[0][2:].split()
    if len(words) < 4 or not all(map(str.isascii, words)):
        raise OfferRefused
    kind, _, protocol, *offered = words
    mid = attribute(lines, "mid")
    if not MID.fullmatch(mid) or not re.fullmatch(r"[a-z]{1,16}", kind) or not re.fullmatch(r"[A-Z/]{1,32}", protocol):
        raise OfferRefused
    directions = [line for line in lines if line in ("a=sendonly", "a=recvonly")]
    numbers = [int(one) for one in offered if re.fullmatch(r"[0-9]{1,3}", one) and int(one) < 128]
    codecs = _codecs(lines, kind, numbers)
    if protocol != "UDP/TLS/RTP/SAVPF" or len(directions) != 1 or not codecs.keys() & {"opus", "vp8"}:
        return Section(kind, mid, protocol)
    extensions = _extensions(lines)
    rids = tuple(rid for rid in LAYERS if any(value.split()[:2] == [rid, "send"] for value in attributes(lines, "rid")))
    if len(rids) < len(LAYERS) or RID not in dict(extensions):
        rids = ()
    in_order = tuple(sorted(codecs.items(), key=lambda one: numbers.index(one[1])))
    repeated = codecs.get("opus" if kind == "audio" else "vp8", -1)
    return Section(
        kind,
        mid,
        protocol,
        directions[0] == "a=sendonly",
        in_order,
        _rtx(lines, repeated, numbers=numbers),
        tuple((number, one) for name, number in in_order for one in _feedback(lines, name, number)),
        extensions,
        rids,
        () if rids else _ssrcs(lines),  # of layers the packets say which they are
    )


def _codecs(lines: list[str], kind: str, numbers: Sequence[int]) -> dict[str, int]:
    wanted = {rtpmap.lower(): name for name, rtpmap in CODECS.get(kind, {}).items()}
    found: dict[str, int] = {}
    for value in attributes(lines, "rtpmap"):
        number, _, rtpmap = value.partition(" ")
        name = wanted.get(rtpmap.lower())
        if name and re.fullmatch(r"[0-9]{1,3}", number) and int(number) in numbers:
            found.setdefault(name, int(number))
    return found


def _rtx(lines: list[str], repeated: int, *, numbers: Sequence[int]) -> int | None:
    repeating = {value.partition(" ")[0] for value in attributes(lines, "rtpmap") if " rtx/" in value.lower()}
    for value in attributes(lines, "fmtp"):
        number, _, rest = value.partition(" ")
        apt = rest.partition(";")[0] == f"apt={repeated}"
        if apt and number in repeating and re.fullmatch(r"[0-9]{1,3}", number) and int(number) in numbers:
            return int(number)
    return None


def _feedback(lines: list[str], name: str, number: int) -> list[str]:
    offered = attributes(lines, "rtcp-fb")
    return [one for one in FEEDBACK[name] if f"{number} {one}" in offered or f"* {one}" in offered]


def _extensions(lines: list[str]) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for value in attributes(lines, "extmap"):
        match = re.fullmatch(r"([1-9]|1[0-4])(/[a-z]+)? (\S+)", value)
        if match and match[3] in ACCEPTED and int(match[1]) not in found.values():
            found.setdefault(match[3], int(match[1]))
    return tuple(found.items())


def _ssrcs(lines: list[str]) -> tuple[tuple[int, int | None], ...]:
    """The streams that the section names, each with the stream of its repetitions."""
    named = [int(found[1]) for value in attributes(lines, "ssrc") if (found := re.match(r"([0-9]{1,10}) ", value))]
    pairs = {
        int(words[1]): int(words[2])
        for value in attributes(lines, "ssrc-group")
        if len(words := value.split()) == 3 and words[0] == "FID" and words[1].isdecimal() and words[2].isdecimal()
    }
    order = [one for one in dict.fromkeys(named) if one not in pairs.values() and one < 2**32][:2]
    return tuple((one, pairs.get(one)) for one in order)
