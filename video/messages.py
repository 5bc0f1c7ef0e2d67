"""The signalling messages, version 1: JSON objects with a `type`. Unknown types, fields and sizes are refused."""

from enum import Enum, StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from video.room import Role, Seat, Stage

VERSION: Final = 1
LARGEST: Final = 32_768
"""An offer of Chromium with all codecs has about 8 kB."""

Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Short = Annotated[str, Meta(max_length=1024)]
Sdp = Annotated[str, Meta(max_length=30_000)]
Sealed64 = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]*$", max_length=24_000)]
KeyId = Annotated[int, Meta(ge=0x100, le=0xFFF0, multiple_of=0x10)]
"""The first of the sixteen SFrame key ids of one sender: two bytes on the wire, the epoch in the lowest four bits."""


class Close(Enum):
    """Why the server closes a socket: the code and the reason that the page acts on."""

    MESSAGE = 4400, "message"
    TICKET = 4401, "ticket"
    ORIGIN = 4403, "origin"
    SILENT = 4408, "silent"
    ELSEWHERE = 4409, "elsewhere"
    ENDED = 4410, "ended"
    VOID = 4411, "void"
    VERSION = 4412, "version"
    REMOVED = 4414, "removed"
    FULL = 4423, "full"
    RATE = 4429, "rate"
    BYE = 1000, "bye"
    RESTART = 1012, "restart"
    BUSY = 1013, "busy"


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type"):
    pass


class Hello(_Message, tag="hello", frozen=True):
    """The first message: a fresh ticket, or the token of a dropped connection."""

    v: int
    ticket: Short = ""
    resume: Short = ""


class Ready(_Message, tag="ready", frozen=True):
    """This page can take part now; the answering side commits to its fingerprint before it sees the other's."""

    page: Id
    commit: Id | None = None
    to: Id | None = None
    sender: str = msgspec.field(default="", name="from")


class Offer(_Message, tag="offer", frozen=True):
    """An offer of the call `call`; a new id means a new connection."""

    call: Id
    sdp: Sdp
    nonce: Id
    to: Id | None = None
    sender: str = msgspec.field(default="", name="from")


class Answer(_Message, tag="answer", frozen=True):
    """The answer to the offer of the same call, with what the commitment was made of."""

    call: Id
    sdp: Sdp
    nonce: Id
    to: Id | None = None
    sender: str = msgspec.field(default="", name="from")


class Candidate(_Message, tag="candidate", frozen=True):
    """A way to reach the sender; null ends the list."""

    call: Id
    candidate: Short | None = None
    mid: Annotated[str, Meta(max_length=64)] | None = None
    line: Annotated[int, Meta(ge=0, le=64)] | None = None
    to: Id | None = None
    sender: str = msgspec.field(default="", name="from")


class Sealed(_Message, tag="sealed", frozen=True):
    """Something that only the others can read: keys, typed text, a photo. To one, or to everybody who is admitted."""

    data: Sealed64
    to: Id | None = None
    sender: str = msgspec.field(default="", name="from")


class UnitOffer(_Message, tag="unit", frozen=True):
    """An offer to the forwarding unit; the same call id again is an ICE restart."""

    call: Id
    sdp: Sdp
    kid: KeyId


class Want(StrEnum):
    """Which picture of somebody a page wants to have forwarded."""

    HIGH = "high"
    LOW = "low"
    OFF = "off"


class View(_Message, tag="view", frozen=True):
    """How this page shows the others; who is not named keeps the want they had, at first `high`."""

    want: Annotated[dict[Id, Want], Meta(max_length=8)]


class Admit(_Message, tag="admit", frozen=True):
    """Let the one who waits, or the named one, in."""

    participant: Id | None = None


class Remove(_Message, tag="remove", frozen=True):
    """Show somebody out; whoever comes back waits to be admitted again."""

    participant: Id


class Late(_Message, tag="late", frozen=True):
    """It takes about so many minutes more."""

    minutes: Annotated[int, Meta(ge=0, le=240)]


class End(_Message, tag="end", frozen=True):
    """End the consultation for everybody."""


class Bye(_Message, tag="bye", frozen=True):
    """I leave for good."""


class Ping(_Message, tag="ping", frozen=True):
    """Are you there?"""

    n: int = 0


Relayed = Ready | Offer | Answer | Candidate | Sealed
Incoming = Hello | Relayed | UnitOffer | View | Admit | Remove | Late | End | Bye | Ping


class PeerInfo(msgspec.Struct, frozen=True):
    """One other participant, as far as the receiver may know."""

    id: str
    role: Role
    admitted: bool
    connected: bool


class Welcome(msgspec.Struct, frozen=True, tag_field="type", tag="welcome"):
    """The answer to hello."""

    v: int
    you: PeerInfo
    stage: Stage
    peers: tuple[PeerInfo, ...]
    ice: list[dict[str, object]]
    resume: str


class Waiting(_Message, tag="waiting", frozen=True):
    """You wait to be admitted."""


class Admitted(msgspec.Struct, frozen=True, tag_field="type", tag="admitted"):
    """You are admitted."""

    peers: tuple[PeerInfo, ...]


class Peer(msgspec.Struct, frozen=True, tag_field="type", tag="peer"):
    """Somebody came, was admitted, dropped out or left for good (`gone`)."""

    id: str
    role: Role
    admitted: bool
    connected: bool
    gone: bool = False


class Pong(_Message, tag="pong", frozen=True):
    """I am here."""

    n: int = 0


class Refused(_Message, tag="refused", frozen=True):
    """This request was refused; the connection stays open."""

    reason: str
    call: str | None = None


class UnitAnswer(msgspec.Struct, frozen=True, tag_field="type", tag="unit"):
    """The unit's answer to the offer of the same call."""

    call: str
    sdp: str


class Slot(msgspec.Struct, frozen=True):
    """Who is to be seen and heard in the nth pair of receiving sections."""

    slot: int
    participant: str | None


class Slots(msgspec.Struct, frozen=True, tag_field="type", tag="slots"):
    """Who is bound to which pair of receiving sections now, and whose screen to the section of its own."""

    slots: tuple[Slot, ...]
    screen: str | None = None


class Wanted(msgspec.Struct, frozen=True, tag_field="type", tag="wanted"):
    """Which of one's own pictures somebody looks at; a page may stop encoding the others."""

    high: bool
    low: bool
    screen: bool


class Again(msgspec.Struct, frozen=True, tag_field="type", tag="again"):
    """The unit of this call is gone, or moves: offer once more, under a new call id and with the same keys."""

    call: str


FromUnit = UnitAnswer | Slots | Wanted | Again | Refused
Outgoing = Welcome | Waiting | Admitted | Peer | Late | Pong | FromUnit | Relayed

_DECODER: Final[msgspec.json.Decoder[Incoming]] = msgspec.json.Decoder(Incoming)
_ENCODER = msgspec.json.Encoder()


def decode(text: str | bytes) -> Incoming:
    """The message, or `msgspec.ValidationError`/`DecodeError` (both ValueError) where it is none of ours."""
    if len(text) > LARGEST:
        raise ValueError("message too large")
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("message too deep") from None


def encode(message: Outgoing | Incoming) -> str:
    """The message as it goes over the socket."""
    return _ENCODER.encode(message).decode()


def info(seat: Seat) -> PeerInfo:
    """What others see of a seat."""
    return PeerInfo(seat.participant, seat.role, seat.admitted, seat.connected)
