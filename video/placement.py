"""The forwarding unit as signalling processes see it where workers are processes of their own: who has which room.

A worker is alive while its beats are heard. When one falls silent and listens no more, or has been silent for too long,
everybody whose call it had is asked to offer again, and the room gets a new worker under a higher fence. While Redis
itself is silent nobody is taken for dead: calls go on.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from video import wire
from video.embedded import following, tell_page
from video.messages import Again, Refused, UnitAnswer, UnitOffer, Want
from video.rooms import Rooms

log = structlog.get_logger()

PLACED: Final = """
local held = redis.call('GET', KEYS[1])
if held then
  local worker = string.match(held, '^(.*):')
  for i = 3, #ARGV do if ARGV[i] == worker then return held end end
end
local placed = ARGV[1] .. ':' .. redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], placed, 'PX', ARGV[2])
return placed
"""
"""The room's holder if it is one of those alive (third argument on), else the first argument, under a new fence."""

FIRST_BEAT_WITHIN: Final = 1.0


@dataclass(frozen=True, slots=True)
class Held:
    """Which worker has a room, under which fence."""

    worker: str
    fence: int


@dataclass(slots=True)
class _Known:
    calls: int
    draining: bool
    heard: float


class Placed:
    """Media workers in other processes; everything but `running` returns at once."""

    def __init__(self, rooms: Rooms, redis: Redis, *, now: Callable[[], float] = time.monotonic) -> None:
        self.id = secrets.token_hex(8)
        self._rooms, self._redis, self._now = rooms, redis, now
        self._workers: dict[str, _Known] = {}
        self._held: dict[str, Held] = {}
        self._calls: dict[tuple[str, str], str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._echoed = 0.0
        self._beat_heard = asyncio.Event()

    @property
    def alive(self) -> list[str]:
        """The workers that take calls, the least busy first."""
        ready = [(known.calls, id) for id, known in self._workers.items() if not known.draining]
        return [id for _, id in sorted(ready)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hear workers and reach them for the length of the block."""
        tasks = [asyncio.create_task(one) for one in (self._listen(), self._watch())]
        try:
            async with following(self._rooms, self):
                yield
        finally:
            for task in (*tasks, *self._tasks):
                task.cancel()
            await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)
            await self._redis.aclose()

    def offer(self, room: str, participant: str, *, message: UnitOffer) -> None:
        """Have a page's offer answered by the room's worker, or refuse it."""
        self._run(self._offer(room, participant, message))

    def view(self, room: str, participant: str, *, want: Mapping[str, Want]) -> None:
        """Tell the room's worker how a page shows the others."""
        if (held := self._held.get(room)) is not None:
            self._run(self._ask(held, wire.AskView(self.id, room, held.fence, participant, dict(want))))

    def leave(self, room: str, participant: str) -> None:
        """End a participant's media."""
        self._calls.pop((room, participant), None)
        if (held := self._held.get(room)) is not None:
            self._run(self._ask(held, wire.AskLeave(self.id, room, held.fence, participant)))
        if not any(where == room for where, _ in self._calls):
            self._held.pop(room, None)

    def end(self, room: str) -> None:
        """End the media of a whole room."""
        for where in [one for one in self._calls if one[0] == room]:
            del self._calls[where]
        if (held := self._held.pop(room, None)) is not None:
            self._run(self._ask(held, wire.AskLeave(self.id, room, held.fence)))

    async def _offer(self, room: str, participant: str, message: UnitOffer) -> None:
        refused = Refused("unit", message.call)
        try:
            if not self._workers:
                async with asyncio.timeout(FIRST_BEAT_WITHIN):
                    await self._beat_heard.wait()
            while alive := self.alive:
                held = self._held[room] = await self._place(room, alive)
                self._calls[room, participant] = message.call
                if await self._ask(held, wire.AskOffer(self.id, room, held.fence, participant, message)):
                    return
                self._workers.pop(held.worker, None)  # nobody listens there any more
        except (RedisError, TimeoutError) as error:
            log.warning("media_unreachable", error=type(error).__name__)
        self._rooms.tell(room, participant, message=refused)

    async def _place(self, room: str, alive: list[str]) -> Held:
        lasts = str(int(wire.LEASE * 1000))
        placed: Any = await self._redis.eval(PLACED, 2, wire.lease(room), wire.FENCE, alive[0], lasts, *alive)  # type: ignore[misc]  # typed as sync and async at once
        worker, _, fence = placed.decode().rpartition(":")
        return Held(worker, int(fence))

    async def _ask(self, held: Held, asked: wire.Asked) -> bool:
        """True if the worker listens."""
        return bool(await self._redis.publish(wire.to_worker(held.worker), wire.written(asked)))

    async def _listen(self) -> None:
        own = wire.to_signalling(self.id).encode()
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(wire.BEATS, own)
                    async for message in channel.listen():
                        if message["channel"] == own:
                            self._said(message["data"])
                        else:
                            self._beat(message["data"])
            except RedisError as error:
                log.warning("media_redis", error=type(error).__name__)
                await asyncio.sleep(wire.BEAT_EVERY)

    def _beat(self, data: bytes) -> None:
        beat, now = wire.beats.decode(data), self._now()
        if isinstance(beat, wire.Beat):
            self._workers[beat.worker] = _Known(beat.calls, beat.draining, now)
            self._beat_heard.set()
        elif beat.process == self.id:
            if now - self._echoed > wire.DEAD_AFTER:  # Redis was silent, not the workers
                for known in self._workers.values():
                    known.heard = now
            self._echoed = now

    def _said(self, data: bytes) -> None:
        said = wire.said.decode(data)
        held = self._held.get(said.room)
        if held is not None and said.fence < held.fence:
            return
        if isinstance(said.message, UnitAnswer):
            self._held[said.room] = Held(said.worker, said.fence)
        tell_page(self._rooms, said.room, said.participant, said.message)

    async def _watch(self) -> None:
        echo = 0.0
        while True:
            await asyncio.sleep(wire.LOOK_EVERY)
            try:
                if self._now() - echo >= wire.BEAT_EVERY:
                    echo = self._now()
                    await self._redis.publish(wire.BEATS, wire.written(wire.Echo(self.id)))
                deaf = await self._deaf()
            except RedisError:
                continue
            self.bury(self._now(), deaf=deaf)

    async def _deaf(self) -> set[str]:
        """The workers that missed a beat and listen no more: their processes have ended."""
        now = self._now()
        suspects = [id for id, known in self._workers.items() if now - known.heard > wire.SUSPECT_AFTER]
        if not suspects:
            return set()
        listening = dict(await self._redis.pubsub_numsub(*map(wire.to_worker, suspects)))
        return {id for id in suspects if not listening.get(wire.to_worker(id).encode())}

    def bury(self, now: float, *, deaf: Collection[str] = ()) -> None:
        """Give up on workers that fell silent while Redis did not, and have their calls offered again.

        Those that are deaf as well are not waited for.
        """
        if now - self._echoed > wire.DEAD_AFTER:
            return
        patience = {id: wire.SUSPECT_AFTER if id in deaf else wire.DEAD_AFTER for id in self._workers}
        for worker in [id for id, known in self._workers.items() if now - known.heard > patience[id]]:
            log.warning("media_worker_dead")
            del self._workers[worker]
            rooms = {room for room, held in self._held.items() if held.worker == worker}
            for (room, participant), call in self._calls.items():
                if room in rooms:
                    self._rooms.tell(room, participant, message=Again(call))

    def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("media_unreachable", error=type(error).__name__)
