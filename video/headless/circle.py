"""The people of a call and what only they can read: keys for frames and messages, handed on by the agreement.

Over `sealed`: byte 0 and JSON (the agreement), or byte 1, length of the header, SFrame header, sealed JSON; as
`web/circle.js` does it.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from video.headless.agreement import Agreed, Agreement, Found, Left, Person, SenderKey, Tampered
from video.headless.words import read, written
from video.sframe import FrameRefusedError, Opener, Sealer, Suite, read_header

PLAIN: Final = 0
SEALED: Final = 1
MOST_EARLY: Final = 64
SWITCH_AFTER: Final = 0.5
"""Seconds in which the others get the new key before it is used (RFC 9605 section 5.1)."""

UNABLE: Final = {"kind": "unable"}

Say = Callable[[str, str | None], None]
"""What sends the data of a `sealed` message to one, or to all."""

Later = Callable[[float, Callable[[], None]], object]


@dataclass(frozen=True, slots=True)
class Keyed:
    """There is a key to seal with, under this key id."""

    kid: int


@dataclass(frozen=True, slots=True)
class Learned:
    """There is a key to open with what this participant seals."""

    id: str


@dataclass(frozen=True, slots=True)
class Told:
    """What another participant said, and nobody else could read."""

    id: str
    value: Any


@dataclass(frozen=True, slots=True)
class Unable:
    """This participant's browser can't encrypt frames: only the direct way is left."""

    id: str


Heard = Agreed | Tampered | Left | Keyed | Learned | Told | Unable


@dataclass(slots=True)
class _Keys:
    frames: Opener
    messages: Opener


class Circle:
    """Keys of one room, for as long as somebody takes part in it; they outlive connections."""

    def __init__(self, room: str, me: Person, *, say: Say, heard: Callable[[Heard], None], later: Later) -> None:
        self._room, self._say, self._heard, self._later = room, say, heard, later
        self._agreement = Agreement(room, me, send=self._tell, found=self._found)
        self._frames: Sealer | None = None
        self._messages: Sealer | None = None
        self._next: SenderKey | None = None
        self._others: dict[str, _Keys] = {}
        self._early: list[tuple[str, bytes]] = []

    @property
    def kid(self) -> int:
        """The first key id of this participant."""
        return self._agreement.kid

    @property
    def epoch(self) -> int:
        """How many keys this participant has handed out since the words were agreed on."""
        return self._agreement.epoch

    @property
    def keyed(self) -> bool:
        """True once frames and messages can be sealed."""
        return self._frames is not None

    def people(self, others: Iterable[Person]) -> None:
        """Note who takes part now, without oneself."""
        self._agreement.update(others)

    def welcome(self, id: str) -> None:
        """Tell somebody whose page was loaded anew that keys are agreed on here."""
        self._agreement.greet(id)

    def hear(self, sender: str, data: str) -> None:
        """Take a `sealed` message of another participant; what makes no sense is passed over."""
        try:
            found = read(data)
            if found[:1] == bytes([SEALED]):
                self._open(sender, found)
            elif (said := json.loads(found[1:])) == UNABLE:
                self._heard(Unable(sender))
            elif isinstance(said, dict):
                self._agreement.hear(sender, said)
        except (ValueError, IndexError, RecursionError, FrameRefusedError):  # anybody's bytes
            return

    def put(self, value: object, to: str | None = None) -> bool:
        """True if the value was told to everybody, or to one; nothing where there is no key yet."""
        if self._messages is None:
            return False
        plain = json.dumps(value, ensure_ascii=False).encode()
        about, body = self._messages.apart(plain, suite=Suite.GCM_256, metadata=self._room.encode())
        self._say(written(bytes([SEALED, len(about)]) + about + body), to)
        return True

    def seal(self, frame: bytes, *, suite: Suite, clear: int = 0) -> bytes:
        """A frame as it may leave; `FrameRefusedError` where there is no key yet."""
        if self._frames is None:
            raise FrameRefusedError
        return self._frames.seal(frame, suite=suite, clear=clear)

    def opener(self, id: str) -> Opener | None:
        """What opens the frames of this participant."""
        known = self._others.get(id)
        return known.frames if known else None

    def _found(self, found: Found) -> None:
        match found:
            case SenderKey(id=""):
                # The first key at once; a later one when the others have had time to learn it.
                self._next = found
                if self._frames is None:
                    self._use(found)
                else:
                    self._later(SWITCH_AFTER, lambda: self._use(found))
            case SenderKey(id=id, kid=kid, base=base):
                known = self._others.setdefault(id, _Keys(Opener({}), Opener({})))
                known.frames.learn(kid, base)
                known.messages.learn(kid, base)
                self._heard(Learned(id))
                early, self._early = self._early, []
                for sender, data in early:
                    self._open(sender, data)
            case _:
                if isinstance(found, Left):
                    self._others.pop(found.id, None)
                self._heard(found)

    def _use(self, key: SenderKey) -> None:
        if key is self._next:
            self._frames, self._messages = Sealer(key.base, key.kid), Sealer(key.base, key.kid)
            self._heard(Keyed(key.kid))

    def _open(self, sender: str, data: bytes) -> None:
        end = 2 + data[1]
        about, body = data[2:end], data[end:]
        kid, _, _ = read_header(about)
        known = self._others.get(sender)
        if known is None or not known.messages.knows(kid):
            self._early = [*self._early, (sender, data)][-MOST_EARLY:]  # it may have overtaken its key
            return
        plain = known.messages.apart(about, body, suite=Suite.GCM_256, metadata=self._room.encode())
        self._heard(Told(sender, json.loads(plain)))

    def _tell(self, message: dict[str, Any], to: str | None) -> None:
        self._say(written(bytes([PLAIN]) + json.dumps(message).encode()), to)
