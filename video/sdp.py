"""SDP offers of browsers and our answers (RFC 8866, 9429), pure and apart from the network.

Only what the pre-call check needs is read; what is not on the lists here is refused in the answer: other codecs, and
all header extensions but the send time. `mid` would misroute, and the audio level tells who speaks.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from infra.problems import Unprocessable

LONGEST: Final = 30_000
MOST_SECTIONS: Final = 8
CODECS: Final = {"audio": ("opus", 48_000), "video": ("VP8", 90_000)}
FEEDBACK: Final = ("nack", "nack pli", "ccm fir", "goog-remb")
SEND_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
OPUS_FORMAT: Final = "minptime=10;useinbandfec=1"
KILOBITS: Final = 1500

CREDENTIAL: Final = re.compile(r"[A-Za-z0-9+/]{4,256}")
MID: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
FINGERPRINT: Final = re.compile(r"sha-(256|384|512) ([0-9A-F]{2}(:[0-9A-F]{2}){31,63})", re.IGNORECASE)


class OfferRefused(Unprocessable):
    """The offer has no audio or video that the check can send back."""


@dataclass(frozen=True, slots=True)
class Section:
    """One m-line: what of it we accept; `payload` is None where we refuse it."""

    kind: str
    mid: str
    protocol: str
    payload: int | None = None
    rtx: int | None = None
    feedback: tuple[str, ...] = ()
    send_time: int | None = None

    @property
    def payloads(self) -> tuple[int, ...]:
        """The accepted payload types."""
        return tuple(one for one in (self.payload, self.rtx) if one is not None)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a browser offers, as far as we answer it."""

    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]


class Remote(Protocol):
    """What the other side's offer or answer says of its transport."""

    @property
    def ufrag(self) -> str:
        """ICE user fragment."""

    @property
    def password(self) -> str:
        """ICE password."""

    @property
    def fingerprints(self) -> tuple[tuple[str, str], ...]:
        """Of its certificate."""


@dataclass(frozen=True, slots=True)
class Local:
    """Our side of the transport."""

    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    candidates: tuple[str, ...]


def parse_offer(text: str) -> Offer:
    """The offer; `OfferRefused` where it is none, or has nothing that we can send back."""
    session, parts = media_of(text, most=MOST_SECTIONS)
    sections = tuple(map(_section, parts))
    accepted = next((part for part, section in zip(parts, sections, strict=True) if section.payload is not None), None)
    if accepted is None or len({section.mid for section in sections}) != len(sections):
        raise OfferRefused
    return Offer(*transport_of([*session, *accepted]), sections)


def media_of(text: str, *, most: int) -> tuple[list[str], list[list[str]]]:
    """The lines of the session, and those of each m-line's section, at most so many; `OfferRefused` where it is none."""
    if len(text) > LONGEST:
        raise OfferRefused
    session, *media = re.split(r"^(?=m=)", text.replace("\r\n", "\n"), flags=re.MULTILINE)
    if not session.startswith("v=0") or not 0 < len(media) <= most:
        raise OfferRefused
    return session.splitlines(), [part.splitlines() for part in media]


def transport_of(lines: Sequence[str]) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    """User fragment, password and fingerprints of the one transport, from the lines of session and first accepted section.

    Everything is bundled: the transport of the first accepted section is that of all. `OfferRefused` where it is none.
    """
    ufrag, password = attribute(lines, "ice-ufrag"), attribute(lines, "ice-pwd")
    prints = tuple(
        (f"sha-{found[1]}", found[2].upper())
        for value in attributes(lines, "fingerprint")
        if (found := FINGERPRINT.fullmatch(value))
    )
    if not CREDENTIAL.fullmatch(ufrag) or not CREDENTIAL.fullmatch(password) or len(password) < 22:
        raise OfferRefused
    if not prints or attribute(lines, "setup") not in ("actpass", "passive"):
        raise OfferRefused
    return ufrag, password, prints


def streams(offer: Offer) -> dict[int, int]:
    """Under which SSRC each accepted payload type goes out: fixed numbers, so that an answer never changes."""
    accepted = [payload for section in offer.sections for payload in section.payloads]
    return {payload: 0x7E1E_0001 + index for index, payload in enumerate(accepted)}


def write_answer(offer: Offer, local: Local) -> str:
    """The answer: everything accepted goes both ways over one transport, and we begin the handshake."""
    bundled = " ".join(section.mid for section in offer.sections if section.payload is not None)
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {bundled}", "a=msid-semantic:WMS *"]
    ssrcs = streams(offer)
    for section in offer.sections:
        lines += (
            refused(section.kind, section.protocol, section.mid)
            if section.payload is None
            else _accepted(section, local, ssrcs=ssrcs)
        )
    return "\r\n".join(lines) + "\r\n"


def _section(lines: list[str]) -> Section:
    words = lines[0][2:].split()
    if len(words) < 4 or not all(map(str.isascii, words)):
        raise OfferRefused
    kind, _, protocol, *offered = words
    mid = attribute(lines, "mid")
    if not MID.fullmatch(mid) or not re.fullmatch(r"[a-z]{1,16}", kind) or not re.fullmatch(r"[A-Z/]{1,32}", protocol):
        raise OfferRefused
    numbers = [int(one) for one in offered if re.fullmatch(r"[0-9]{1,3}", one)]
    payload = _payload(lines, kind, numbers=numbers) if protocol == "UDP/TLS/RTP/SAVPF" else None
    if payload is None:
        return Section(kind, mid, protocol)
    feedback = tuple(one for one in FEEDBACK if f"{payload} {one}" in attributes(lines, "rtcp-fb"))
    rtx = _rtx(lines, payload, numbers=numbers)
    return Section(kind, mid, protocol, payload, rtx, feedback, _extension(lines))


def _spelt(name: str, clock: str) -> tuple[str, int]:
    # Names match in any case, but Chromium only encodes VP8 when the answer writes it in capitals.
    known = {spelt.lower(): spelt for spelt, _ in CODECS.values()}
    return known.get(name.lower(), name), int(clock)


def _payload(lines: list[str], kind: str, *, numbers: Sequence[int]) -> int | None:
    wanted = CODECS.get(kind)
    for value in attributes(lines, "rtpmap"):
        found = re.fullmatch(r"([0-9]{1,3}) ([A-Za-z0-9-]{1,32})/([0-9]{1,6})(/2)?", value)
        if found and int(found[1]) in numbers and wanted == _spelt(found[2], found[3]):
            return int(found[1])
    return None


def _rtx(lines: list[str], payload: int, *, numbers: Sequence[int]) -> int | None:
    retransmitting = {value.partition(" ")[0] for value in attributes(lines, "rtpmap") if " rtx/" in value.lower()}
    for value in attributes(lines, "fmtp"):
        number, _, rest = value.partition(" ")
        if (
            number in retransmitting
            and rest.partition(";")[0] == f"apt={payload}"
            and re.fullmatch(r"[0-9]{1,3}", number)
        ):
            return int(number) if int(number) in numbers else None
    return None


def _extension(lines: list[str]) -> int | None:
    for value in attributes(lines, "extmap"):
        found = re.fullmatch(r"([1-9]|1[0-4])(/[a-z]+)? (\S+)", value)
        if found and found[3] == SEND_TIME:
            return int(found[1])
    return None


def attributes(lines: Sequence[str], name: str) -> list[str]:
    """The values of all lines `a=name:value`."""
    start = f"a={name}:"
    return [line[len(start) :].strip() for line in lines if line.startswith(start)]


def attribute(lines: Sequence[str], name: str) -> str:
    """The value of the last line `a=name:value`; empty where there is none."""
    found = attributes(lines, name)
    return found[-1] if found else ""


def refused(kind: str, protocol: str, mid: str) -> list[str]:
    """The lines of a section that we want nothing of."""
    last = "webrtc-datachannel" if kind == "application" else "0"
    return [f"m={kind} 0 {protocol} {last}", "c=IN IP4 0.0.0.0", "a=inactive", f"a=mid:{mid}"]


def _accepted(section: Section, local: Local, *, ssrcs: dict[int, int]) -> list[str]:
    payload, rtx = section.payload, section.rtx
    assert payload is not None, "only accepted sections come here"
    name, clock = CODECS[section.kind]
    lines = [
        f"m={section.kind} 9 UDP/TLS/RTP/SAVPF {' '.join(map(str, section.payloads))}",
        "c=IN IP4 0.0.0.0",
        *([f"b=AS:{KILOBITS}"] if section.kind == "video" else []),
        f"a=mid:{section.mid}",
        "a=sendrecv",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        *(f"a=fingerprint:{kind} {value}" for kind, value in local.fingerprints),
        "a=setup:active",
        *(f"a=candidate:{one}" for one in local.candidates),
        "a=end-of-candidates",
        f"a=rtpmap:{payload} {name}/{clock}{'/2' if section.kind == 'audio' else ''}",
        *([f"a=fmtp:{payload} {OPUS_FORMAT}"] if section.kind == "audio" else []),
        *(f"a=rtcp-fb:{payload} {one}" for one in section.feedback),
        *([f"a=extmap:{section.send_time} {SEND_TIME}"] if section.send_time else []),
        f"a=msid:echo {section.kind}",
    ]
    if rtx is not None:
        lines += [f"a=rtpmap:{rtx} rtx/{clock}", f"a=fmtp:{rtx} apt={payload}"]
        lines.append(f"a=ssrc-group:FID {ssrcs[payload]} {ssrcs[rtx]}")
    return lines + [f"a=ssrc:{ssrcs[number]} cname:echo" for number in section.payloads]
