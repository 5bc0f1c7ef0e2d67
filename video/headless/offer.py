"""The offer of a headless participant, and what it reads of the unit's answer. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from video.sdp import Local, attribute, attributes
from video.unit_offer import RID, SEND_TIME, WIDE

OPUS, VP8, RTX = 111, 96, 97
WIDE_ID, SEND_TIME_ID, RID_ID = 3, 2, 4
AUDIO_SSRC, FIRST_PICTURE_SSRC, SCREEN_SSRC = 0x1001, 0x1010, 0x1020
_OWN: Final = (f"a=extmap:{SEND_TIME_ID} {SEND_TIME}", f"a=extmap:{WIDE_ID} {WIDE}", "a=rtcp-mux", "a=rtcp-rsize")


@dataclass(frozen=True, slots=True)
class Answer:
    """The unit's transport, and which slot each SSRC serves: its number (-1 the screen) and the kind."""

    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    candidates: tuple[str, ...]
    streams: dict[int, tuple[int, str]]


def write_offer(local: Local, *, slots: int, layers: bool = False, screen: bool = False) -> str:
    """Own sound and picture (and screen), then so many pairs to receive, then the screen of somebody else."""
    sections = [_audio("sendonly", [AUDIO_SSRC]), _video("sendonly", [] if layers else [FIRST_PICTURE_SSRC])]
    if layers:
        sections[1] += [f"a=extmap:{RID_ID} {RID}", "a=rid:h send", "a=rid:l send", "a=simulcast:send h;l"]
    if screen:
        sections.append(_video("sendonly", [SCREEN_SSRC]))
    for _ in range(slots):
        sections += [_audio("recvonly", []), _video("recvonly", [])]
    sections.append(_video("recvonly", []))
    transport = [
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        *(f"a=fingerprint:{kind} {value}" for kind, value in local.fingerprints),
        "a=setup:actpass",
    ]
    mids = " ".join(map(str, range(len(sections))))
    lines = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", f"a=group:BUNDLE {mids}"]
    for mid, section in enumerate(sections):
        lines += [section[0], "c=IN IP4 0.0.0.0", f"a=mid:{mid}", *transport, *section[1:]]
    return "\r\n".join(lines) + "\r\n"


def read_answer(text: str) -> Answer:
    """What is needed of an answer of ours."""
    lines = text.replace("\r\n", "\n").split("\n")
    fingerprints = dict(value.split(" ", 1) for value in attributes(lines, "fingerprint"))
    streams: dict[int, tuple[int, str]] = {}
    for part in text.split("m=")[1:]:
        within = part.replace("\r\n", "\n").split("\n")
        name, kind = attribute(within, "msid").split(" ")[0], within[0].split(" ")[0]
        ssrcs = attributes(within, "ssrc")
        if name and ssrcs:
            number = -1 if name == "screen" else int(name.rpartition("-")[2])
            streams[int(ssrcs[0].split(" ")[0])] = number, kind
    return Answer(
        attribute(lines, "ice-ufrag"),
        attribute(lines, "ice-pwd"),
        tuple(fingerprints.items()),
        tuple(dict.fromkeys(attributes(lines, "candidate"))),
        streams,
    )


def _audio(direction: str, ssrcs: Sequence[int]) -> list[str]:
    return [
        f"m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}",
        f"a={direction}",
        f"a=rtpmap:{OPUS} opus/48000/2",
        f"a=rtcp-fb:{OPUS} nack",
        f"a=rtcp-fb:{OPUS} transport-cc",
        *_OWN,
        *(f"a=ssrc:{one} cname:headless" for one in ssrcs),
    ]


def _video(direction: str, ssrcs: Sequence[int]) -> list[str]:
    feedback = ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc")
    return [
        f"m=video 9 UDP/TLS/RTP/SAVPF {VP8} {RTX}",
        f"a={direction}",
        f"a=rtpmap:{VP8} VP8/90000",
        *(f"a=rtcp-fb:{VP8} {one}" for one in feedback),
        f"a=rtpmap:{RTX} rtx/90000",
        f"a=fmtp:{RTX} apt={VP8}",
        *_OWN,
        *(f"a=ssrc:{one} cname:headless" for one in ssrcs),
    ]
