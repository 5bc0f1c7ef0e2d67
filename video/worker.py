"""A media worker: one process, one forwarding unit, asked over Redis and holding each of its rooms by a lease.

The fence of a lease grows with every new holder. A worker that was taken for dead and comes back serves nothing under an
old fence: what it says is not passed on, and it ends the room as soon as it sees that the lease is somebody else's.
"""

import asyncio
import os
import secrets
from collections.abc import Sequence
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from video import wire
from video.ice import Ice
from video.link import Link, straight
from video.messages import Again, FromUnit
from video.unit import ForwardingUnit

log = structlog.get_logger()

DRAIN_WITHIN: Final = 10.0
RENEWED: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
"""


class MediaWorker:
    """Serves rooms until it is drained; `run` returns after that."""

    def __init__(self, redis: Redis, ice: Ice, *, addresses: Sequence[str] = (), link: Link = straight) -> None:
        self.id = f"{os.getpid()}-{secrets.token_hex(8)}"  # an operator sees which process it is
        self.unit = ForwardingUnit(ice, tell=self._tell, addresses=addresses, link=link)
        self._redis = redis
        self._fences: dict[str, int] = {}
        self._processes: dict[tuple[str, str], str] = {}
        self._calls: dict[tuple[str, str], str] = {}
        self._outgoing: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._idle: set[str] = set()
        self._draining = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Nothing, once `stopping` was set and everybody has moved on, or ten seconds later."""
        tasks = [asyncio.create_task(one) for one in (self._listen(), self._speak(), self._beat())]
        try:
            await stopping.wait()
            self._draining = True
            await self._say_beat()  # first, so that nobody who offers again comes back here
            self.unit.drain()
            async with asyncio.timeout(DRAIN_WITHIN):
                while self.unit.calls:  # noqa: ASYNC110  ends of calls come from three sides; a beat is soon enough
                    await asyncio.sleep(wire.BEAT_EVERY)
        except TimeoutError:
            log.info("media_drained", state="timeout")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.unit.close()

    async def _listen(self) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(wire.to_worker(self.id))
                    async for message in channel.listen():
                        self._heard(message["data"])
            except RedisError as error:  # calls go on; nothing new can be asked until it is back
                log.warning("media_redis", error=type(error).__name__)
                await asyncio.sleep(wire.BEAT_EVERY)

    def _heard(self, data: bytes) -> None:
        try:
            asked = wire.asked.decode(data)
        except ValueError:
            log.warning("media_refused", kind="message")
            return
        known = self._fences.get(asked.room, 0)
        if asked.fence < known:
            return
        if known and asked.fence > known:
            self.unit.end(asked.room)
        self._fences[asked.room] = asked.fence
        self._processes[asked.room, asked.participant] = asked.process
        match asked:
            case wire.AskOffer(offer=offer) if offer is not None:
                self._calls[asked.room, asked.participant] = offer.call
                self.unit.offer(asked.room, asked.participant, message=offer)
            case wire.AskView(want=want):
                self.unit.view(asked.room, asked.participant, want=want)
            case wire.AskLeave() if asked.participant:
                self.unit.leave(asked.room, asked.participant)
            case wire.AskLeave():
                self.unit.end(asked.room)

    def _tell(self, room: str, participant: str, message: FromUnit) -> None:
        process = self._processes.get((room, participant))
        if process is not None:
            said = wire.Said(self.id, room, self._fences.get(room, 0), participant, message)
            self._outgoing.put_nowait((wire.to_signalling(process), wire.written(said)))

    async def _speak(self) -> None:
        while True:
            channel, data = await self._outgoing.get()
            await self._published(channel, data)

    async def _beat(self) -> None:
        while True:
            await self._say_beat()
            await self._renew()
            await asyncio.sleep(wire.BEAT_EVERY)

    async def _say_beat(self) -> None:
        await self._published(wire.BEATS, wire.written(wire.Beat(self.id, self.unit.calls, self._draining)))

    async def _renew(self) -> None:
        """Keep the rooms that are served; a room whose lease somebody else has is ended here."""
        rooms = self.unit.rooms
        # A room is forgotten at the second beat without a call: at the first, its first offer may be about to be opened.
        idle = self._fences.keys() - rooms
        gone, self._idle = idle & self._idle, idle
        for known in (self._calls, self._processes):
            for where in [one for one in known if one[0] in gone]:
                del known[where]
        for room in gone:
            del self._fences[room]
        for room in rooms:
            fence = self._fences.get(room, 0)
            try:
                kept: Any = await self._redis.eval(  # type: ignore[misc]  # typed as sync and async at once
                    RENEWED, 1, wire.lease(room), f"{self.id}:{fence}", str(int(wire.LEASE * 1000))
                )
            except RedisError:
                return
            if not kept:
                self._lost(room)

    def _lost(self, room: str) -> None:
        if not self._draining:  # else it moved, as it was asked to
            log.warning("media_lease_lost")
        for where, call in list(self._calls.items()):
            if where[0] == room:
                self._tell(*where, Again(call))
        self.unit.end(room)

    async def _published(self, channel: str, data: bytes) -> None:
        try:
            await self._redis.publish(channel, data)
        except RedisError as error:
            log.warning("media_redis", error=type(error).__name__)
