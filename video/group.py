"""The forwarding of one room: who is bound to which slot, which layer goes to whom, what is asked of whom. No I/O."""

from collections.abc import Callable, Mapping
from typing import Final

from video.layers import SOUND, Picture, choose
from video.leg import Leg
from video.messages import FromUnit, Slot, Slots, Want, Wanted
from video.uplink import Seal

SCREEN_IDLE: Final = 10.0
"""A screen of which nothing came for so long is no longer shown; a still one is sent about once a second."""

LAYER_IDLE: Final = 0.3
"""By how much the small picture is ahead of a large one that its sender has stopped: some pictures; both are taken at once."""

MOST_WANTS: Final = 16
"""Who came and went is forgotten after as many others."""

LEAST_LIMIT: Final = 50_000


class Group:
    """All legs of one room, in the order in which they came."""

    def __init__(self, tell: Callable[[str, FromUnit], None]) -> None:
        self.legs: dict[str, Leg] = {}
        self._tell = tell
        self._bound: dict[str, list[str | None]] = {}
        self._screen: dict[str, str | None] = {}
        self._told: dict[str, Slots] = {}
        self._wanted: dict[str, Wanted] = {}
        self._wants: dict[str, dict[str, Want]] = {}
        self._sharing: str | None = None

    def join(self, participant: str, leg: Leg, now: float) -> None:
        """Take a participant's new leg in; one that they had before ends, and what they want to see stays."""
        leg.wants = self._wants.get(participant, {})
        self._drop(participant)
        self.legs[participant] = leg
        self._bound[participant] = [None] * len(leg.pictures)
        self.bind()
        self.arrange(now)

    def leave(self, participant: str, now: float) -> None:
        """Forward nothing to and from this participant any more."""
        self._drop(participant)
        self.bind()
        self.arrange(now)

    def view(self, participant: str, want: Mapping[str, Want], now: float) -> None:
        """Note how a participant shows the others."""
        if (leg := self.legs.get(participant)) is not None:
            known = (leg.wants | dict(want)).items()
            leg.wants = self._wants[participant] = dict(list(known)[-MOST_WANTS:])
            self.arrange(now)

    def began(self, participant: str, key: str, now: float) -> None:
        """Something new came from a participant: sound, a layer of the camera, the screen."""
        if key == "screen":
            self._sharing = participant
        self.bind()
        self.arrange(now)

    @property
    def red(self) -> bool:
        """True while everybody here understands sound with its repetition."""
        return all(leg.has_red for leg in self.legs.values())

    def bind(self) -> None:
        """Give everybody else a slot with everybody, the lowest that is free, and tell who was bound or left."""
        for receiver, leg in self.legs.items():
            bound = self._bound[receiver]
            others = [who for who in self.legs if who != receiver]
            for place, who in enumerate(bound):
                if who is not None and who not in others:
                    bound[place] = None
            for who in others:
                if who not in bound and None in bound:
                    bound[bound.index(None)] = who
            self._hear(leg, bound)
            self._screen[receiver] = self._sharing if leg.screen and self._sharing in others else None
            told = Slots(tuple(Slot(place, who) for place, who in enumerate(bound)), self._screen[receiver])
            if told != self._told.get(receiver):
                self._told[receiver] = told
                self._tell(receiver, told)

    def arrange(self, now: float) -> None:
        """Choose for everybody whose picture in which layer is forwarded; four times a second, and when something changed."""
        looked_at = dict.fromkeys(self.legs, frozenset[str]())
        for receiver, leg in self.legs.items():
            for who, key in self._chosen(receiver, leg, now=now):
                looked_at[who] |= {key}
        for sender, keys in looked_at.items():
            # The small picture is what a line falls back to, so it goes on while anybody looks at the large one.
            wanted = Wanted("h" in keys, not keys.isdisjoint(("h", "l")), "screen" in keys)
            if wanted != self._wanted.get(sender, Wanted(True, True, True)):
                self._wanted[sender] = wanted
                self._tell(sender, wanted)

    def refresh(self, now: float) -> None:
        """Ask for the key frames that somebody waits for, and acknowledge what came; every 20 ms."""
        for receiver, leg in self.legs.items():
            if leg.out.waits:
                leg.out.waits = self._ask_keys(receiver, leg)
            leg.acknowledge(now)

    def _ask_keys(self, receiver: str, leg: Leg) -> bool:
        """True while one of this receiver's pictures still waits for its key frame."""
        waiting = False
        bound = (*self._bound[receiver], self._screen[receiver])
        for who, down in zip(bound, (*leg.pictures, leg.screen), strict=True):
            stream = down.waits_for() if down is not None else None
            if stream is not None and who in self.legs and stream.seal is Seal.SEALED:
                self.legs[who].ask_key(stream)
            waiting = waiting or (down is not None and down.pending is not None)
        return waiting

    def limit(self, now: float) -> None:
        """Tell senders without layers how much the weakest line among their receivers carries; once a second."""
        if self._sharing is not None:
            self._end_idle_screen(now)
        for sender, leg in self.legs.items():
            if "l" not in leg.sent and "h" in leg.sent:
                lines = [self._share(one) for who, one in self.legs.items() if sender in self._bound[who]]
                if lines:
                    leg.limit(int(min(lines)))

    def _share(self, leg: Leg) -> float:
        pictures = max(sum(down.source is not None for down in leg.pictures), 1)
        voices = sum(down.source is not None for down in leg.sounds)
        return max(LEAST_LIMIT, (leg.bandwidth.estimate - voices * SOUND) / pictures)

    def _chosen(self, receiver: str, leg: Leg, *, now: float) -> list[tuple[str, str]]:
        """Whose stream under which key is forwarded to this receiver from now on."""
        found = []
        screen = self._screen[receiver]
        if leg.screen is not None:
            shared = self.legs[screen].sent.get("screen") if screen else None
            leg.screen.follow(shared, self.legs[screen].payloads_for("screen", leg.screen) if screen else {})
            found += [(screen, "screen")] if screen and shared else []
        bound = [(place, who) for place, who in enumerate(self._bound[receiver]) if who in self.legs and who]
        pictures = [self._picture(leg, who, now=now) for _, who in bound]
        spent = shared.measured(now) if leg.screen and (shared := leg.screen.source) else 0.0
        wished = choose(pictures, leg.bandwidth.estimate - spent, voices=len(bound))
        # What has not begun is looked at as soon as it does: told otherwise, a page might never begin.
        found += [(who, "h") for _, who in bound if leg.wants.get(who) is not Want.OFF and not self._shows(who)]
        for (place, who), wish in zip(bound, wished, strict=True):
            down, sender = leg.pictures[place], self.legs[who]
            key = self._key(leg, place, wish, who=who, now=now)
            stream = sender.sent.get(key) if key else None
            down.follow(stream, sender.payloads_for(key, down) if key and stream else {})
            found += [(who, one) for one in {key, wish} if one]
        for place, nobody in enumerate(self._bound[receiver]):
            if nobody is None:
                leg.pictures[place].release()
        return found

    def _picture(self, leg: Leg, who: str, *, now: float) -> Picture:
        rates = {key: stream.measured(now) for key, stream in self.legs[who].sent.items() if key in ("h", "l")}
        if not rates:
            return Picture(Want.OFF, 0, None)  # nothing to forward yet, and nothing of the line spent on it
        return Picture(leg.wants.get(who, Want.HIGH), rates.get("h", rates.get("l", 0)), rates.get("l"))

    def _shows(self, who: str) -> bool:
        """True once a picture came from this participant's camera."""
        return not self.legs[who].sent.keys().isdisjoint(("h", "l"))

    def _key(self, leg: Leg, place: int, wished: str | None, *, who: str, now: float) -> str | None:
        """The layer that is forwarded: the wished one, if the line may be tried with it and its sender still sends it."""
        source, sent = leg.pictures[place].source, self.legs[who].sent
        high, low = sent.get("h"), sent.get("l")
        if wished == "l" and source is not None and source is high and leg.wants.get(who) is not Want.LOW:
            leg.hope.failed(now)
        if wished == "h" and low is not None:
            if source is low and not leg.hope.allows(now):
                return "l"
            # A browser whose own line is weak stops its large picture by itself.
            if high is None or (source is high and low.at - high.at > LAYER_IDLE):
                return "l"
        return wished

    def _hear(self, leg: Leg, bound: list[str | None]) -> None:
        for down, who in zip(leg.sounds, bound, strict=True):
            sender = self.legs.get(who) if who else None
            stream = sender.sent.get("audio") if sender else None
            down.follow(stream, sender.payloads_for("audio", down) if sender and stream else {})

    def _end_idle_screen(self, now: float) -> None:
        sender = self.legs.get(self._sharing or "")
        shared = sender.sent.get("screen") if sender else None
        if shared is None or now - shared.at > SCREEN_IDLE:
            self._sharing = None
            self.bind()

    def _drop(self, participant: str) -> None:
        leg = self.legs.pop(participant, None)
        if leg is not None:
            leg.close()
        for known in (self._bound, self._screen, self._told, self._wanted):
            known.pop(participant, None)
        if self._sharing == participant:
            self._sharing = None
