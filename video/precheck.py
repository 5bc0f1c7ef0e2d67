"""The pre-call check: a browser's own sound and picture come back to it over the real path, undecoded and unstored.

Sessions are few, short and bounded in bytes, so that an echo can be no burden to anybody.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from infra.problems import Unavailable
from video.ice import Ice
from video.mirror import Mirror
from video.sdp import parse_offer, streams, write_answer

log = structlog.get_logger()

LONGEST: Final = 45.0
CONNECT_WITHIN: Final = 15.0
MOST_SESSIONS: Final = 16
MOST_BYTES: Final = 12_000_000
"""45 seconds at the 1.5 Mbit/s that the answer asks for, and a margin."""


class ChecksBusy(Unavailable):
    """Many people are testing their connection right now. Try again in a minute."""


class Budgeted:
    """A mirror that stops when its bytes are used up."""

    def __init__(self, mirror: Mirror, budget: int = MOST_BYTES) -> None:
        self._mirror = mirror
        self._left = budget

    def rtp(self, packet: bytes) -> bytes | None:
        """The packet as it returns, while the budget lasts."""
        self._left -= len(packet)
        return self._mirror.rtp(packet) if self._left >= 0 else None

    def rtcp(self, data: bytes) -> bytes | None:
        """The feedback as it returns, while the budget lasts."""
        self._left -= len(data)
        return self._mirror.rtcp(data) if self._left >= 0 else None


class Precheck:
    """All echo sessions of one process: one for each participant, `most` altogether."""

    def __init__(
        self, ice: Ice, *, addresses: Sequence[str] = (), most: int = MOST_SESSIONS, longest: float = LONGEST
    ) -> None:
        self._ice = ice
        self._addresses = tuple(addresses)
        self._most = most
        self._longest = longest
        self._sessions: dict[str, asyncio.Task[None]] = {}

    @property
    def running(self) -> int:
        """How many sessions there are now."""
        return len(self._sessions)

    async def open(self, participant: str, text: str) -> str:
        """The answer to a browser's offer; a session that the participant had before ends."""
        from video.transport import Path  # aiortc comes with the first check, not with the start

        offer = parse_offer(text)
        before = self._sessions.pop(participant, None)
        if before is not None:
            before.cancel()
        if len(self._sessions) >= self._most:
            raise ChecksBusy
        path = Path(Budgeted(Mirror(streams(offer))), servers=self._ice.for_aiortc(), addresses=self._addresses)
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def session() -> None:
            try:
                async with asyncio.timeout(self._longest):
                    answered.set_result(write_answer(offer, await path.gather()))
                    async with asyncio.timeout(CONNECT_WITHIN):
                        connected = await path.connect(offer)
                    if connected:
                        await path.ended()
            except TimeoutError:
                log.info("precheck_ended", state="timeout")
            finally:
                # First, as closing may be cut short when all sessions end.
                if self._sessions.get(participant) is task:
                    del self._sessions[participant]
                await path.close()

        task = self._sessions[participant] = asyncio.create_task(session())
        await asyncio.wait((task, answered), return_when=asyncio.FIRST_COMPLETED)
        if not answered.done():
            raise ChecksBusy
        return answered.result()

    async def close(self) -> None:
        """End all sessions."""
        sessions = list(self._sessions.values())
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)
