"""The forwarding unit of one process: groups by room, each participant's connection, and the beat that serves them all."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

from video.group import Group
from video.ice import Ice
from video.leg import Leg
from video.link import Link, straight
from video.messages import Again, FromUnit, Refused, UnitAnswer, Want
from video.messages import UnitOffer as OfferMessage
from video.sdp import OfferRefused
from video.unit_answer import write_unit_answer
from video.unit_offer import UnitOffer, parse_unit_offer
from video.whole import whole

if TYPE_CHECKING:
    from video.mux import Mux
    from video.transport import Path

log = structlog.get_logger()

BEAT: Final = 0.02
ARRANGE_EVERY: Final = 0.25
LIMIT_EVERY: Final = 1.0
CONNECT_WITHIN: Final = 20.0
MOST_CALLS: Final = 400
"""Of one process; a core carries fewer, so this bounds memory and ports, not quality."""

Tell = Callable[[str, str, FromUnit], None]


class CallRefusedError(Exception):
    """Why a call is not answered, as the page is told; empty for one that another offer has replaced."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True)
class _Call:
    id: str
    path: "Path"
    leg: Leg
    offer: UnitOffer
    red: bool = False
    task: asyncio.Task[None] | None = None


class ForwardingUnit:
    """All groups of one process. What it has to say goes to `tell(room, participant, message)`, which must not wait."""

    def __init__(self, ice: Ice, *, tell: Tell, addresses: Sequence[str] = (), link: Link = straight) -> None:
        self._ice, self._addresses, self._link, self._tell = ice, tuple(addresses), link, tell
        self._groups: dict[str, Group] = {}
        self._calls: dict[tuple[str, str], _Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._beat: asyncio.Task[None] | None = None
        self._mux: Mux | None = None
        self._draining = False

    @property
    def calls(self) -> int:
        """How many participants are served now."""
        return len(self._calls)

    @property
    def rooms(self) -> frozenset[str]:
        """The rooms that are served now, or in which somebody still connects."""
        return frozenset(room for room, _ in self._calls)

    def offer(self, room: str, participant: str, *, message: OfferMessage) -> None:
        """Answer a page's offer, or refuse it; never raises and never waits."""
        self._run(self._answer(room, participant, message=message))

    def view(self, room: str, participant: str, *, want: Mapping[str, Want]) -> None:
        """Note how a page shows the others."""
        if (group := self._groups.get(room)) is not None:
            group.view(participant, want, time.monotonic())

    def leave(self, room: str, participant: str) -> None:
        """End a participant's media."""
        if (call := self._calls.pop((room, participant), None)) is not None:
            self._forget(room, participant)
            if call.task is not None:
                call.task.cancel()

    def end(self, room: str) -> None:
        """End the media of a whole room."""
        for where in [one for one in self._calls if one[0] == room]:
            self.leave(*where)

    def drain(self) -> None:
        """Take no new call and ask everybody to offer again, which then reaches another process; for the shutdown."""
        self._draining = True
        for (room, participant), call in self._calls.items():
            self._tell(room, participant, Again(call.id))

    async def close(self) -> None:
        """End everything."""
        self._draining = True
        for room, participant in tuple(self._calls):
            self.leave(room, participant)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._mux is not None:
            self._mux.close()

    async def _answer(self, room: str, participant: str, *, message: OfferMessage) -> None:
        try:
            offer = parse_unit_offer(message.sdp)
            before = self._calls.get((room, participant))
            if before is not None and before.id == message.call:
                answer = await self._moved(before, offer)
            else:
                answer = await self._opened(room, participant, offer=offer, message=message)
            self._tell(room, participant, UnitAnswer(message.call, answer))
        except OfferRefused:
            self._refuse(room, participant, "offer", message.call)
        except CallRefusedError as refused:
            if refused.reason:
                self._refuse(room, participant, refused.reason, message.call)

    async def _opened(self, room: str, participant: str, *, offer: UnitOffer, message: OfferMessage) -> str:
        from video.mux import Mux
        from video.transport import Path  # aiortc comes with the first call, not with the start

        others = [call.leg for (where, who), call in self._calls.items() if where == room and who != participant]
        if any(leg.kid == message.kid for leg in others):
            raise CallRefusedError("kid")
        if self._draining or len(self._calls) >= MOST_CALLS:
            raise CallRefusedError("unit")
        self.leave(room, participant)
        leg = self._leg(room, participant, offer=offer, message=message)
        self._mux = self._mux or Mux()
        path = Path(leg, servers=self._ice.for_aiortc(), addresses=self._addresses, link=self._link, mux=self._mux)
        leg.send_through(path.send)
        call = self._calls[room, participant] = _Call(message.call, path, leg, offer)
        try:
            local = await path.gather()
        except OSError:
            self.leave(room, participant)
            raise CallRefusedError("unit") from None
        if self._calls.get((room, participant)) is not call:  # another offer came meanwhile
            await path.close()
            raise CallRefusedError("")
        call.red = all(one.has_red for one in (*others, leg))
        call.task = self._run(self._serve(room, participant, call=call))
        if self._beat is None:
            self._beat = self._run(self._keep_beat())
        return write_unit_answer(offer, local, red=call.red)

    def _leg(self, room: str, participant: str, *, offer: UnitOffer, message: OfferMessage) -> Leg:
        def began(key: str) -> None:
            if (group := self._groups.get(room)) is not None:
                group.began(participant, key, time.monotonic())

        def plain() -> None:
            log.warning("media_refused", kind="plain")
            self._refuse(room, participant, "plain", message.call)

        return Leg(offer, kid=message.kid, on_stream=began, on_plain=plain)

    async def _moved(self, call: _Call, offer: UnitOffer) -> str:
        """The answer to an ICE restart; refused if the keys are gone, so that only a new call helps."""
        if not call.path.connected or offer.fingerprints != call.offer.fingerprints:
            raise CallRefusedError("unit")
        local = await call.path.gather_again()
        call.path.move(offer)
        return write_unit_answer(call.offer, local, red=call.red)

    async def _serve(self, room: str, participant: str, *, call: _Call) -> None:
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                connected = await call.path.connect(call.offer)
            if connected:
                self._join(room, participant, leg=call.leg)
                await call.path.ended()
        except TimeoutError:
            log.info("unit_call_ended", state="timeout")
        finally:
            if self._calls.get((room, participant)) is call:
                del self._calls[room, participant]
                self._forget(room, participant)
            await whole(call.path.close())  # also where the room ends and then the process does

    def _join(self, room: str, participant: str, *, leg: Leg) -> None:
        group = self._groups.get(room)
        if group is None:
            group = self._groups[room] = Group(lambda who, said: self._tell(room, who, said))
        group.join(participant, leg, time.monotonic())
        self._hear_red(room, group)

    def _forget(self, room: str, participant: str) -> None:
        if (group := self._groups.get(room)) is not None:
            group.leave(participant, time.monotonic())
            if not group.legs:
                del self._groups[room]

    def _hear_red(self, room: str, group: Group) -> None:
        """Ask those for a new offer whose sound somebody who came does not understand."""
        if group.red:
            return
        for participant, leg in group.legs.items():
            call = self._calls.get((room, participant))
            if call is not None and call.red and leg.sends_red:
                call.red = False
                self._tell(room, participant, Again(call.id))

    def _refuse(self, room: str, participant: str, reason: str, call: str) -> None:
        self._tell(room, participant, Refused(reason, call))

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("unit_failed", error=type(error).__name__)

    async def _keep_beat(self) -> None:
        arranged = limited = 0.0
        while True:
            await asyncio.sleep(BEAT)
            now = time.monotonic()
            arrange, limit = now - arranged >= ARRANGE_EVERY, now - limited >= LIMIT_EVERY
            arranged, limited = now if arrange else arranged, now if limit else limited
            for group in tuple(self._groups.values()):
                group.refresh(now)
                if arrange:
                    group.arrange(now)
                if limit:
                    group.limit(now)
