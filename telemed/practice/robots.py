"""The robots of the practice room: so many at once, each for a few minutes, in rooms of their own."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import structlog

from infra.problems import Conflict
from telemed.calling import PRACTICE
from video.desk import Desk
from video.room import Role
from video.tickets import LONGEST_LIFETIME

if TYPE_CHECKING:
    from video.headless.robot import Phrases

log = structlog.get_logger()

ROBOT: Final = "robot"
GUEST: Final = "guest"


class RobotsBusy(Conflict):
    """All robots are talking to somebody. Each stays for five minutes at most: please try again then."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a practice room; the ticket opens one socket."""

    room: str
    ticket: str


class Robots:
    """All robots of one process, and who has invited them: one address never has more than half of them."""

    def __init__(self, desk: Desk, *, most: int, addresses: Sequence[str]) -> None:
        self._desk, self._most, self._addresses = desk, most, addresses
        self._tasks: set[asyncio.Task[None]] = set()
        self._inviting: Counter[str] = Counter()

    def invite(self, *, address: str, hello: str, echo: str) -> Place:
        """A room to which a robot comes as soon as somebody waits in it; `RobotsBusy` where none is free.

        It says `hello`, and `echo` with `%t` for what was written.
        """
        if len(self._tasks) >= self._most or self._inviting[address] >= (self._most + 1) // 2:
            raise RobotsBusy
        room = f"{PRACTICE}-{secrets.token_hex(16)}"
        tickets = self._desk.tickets
        own = tickets.mint(room, ROBOT, role=Role.PHYSICIAN, ttl=LONGEST_LIFETIME, bound=PRACTICE)
        self._inviting[address] += 1
        task = asyncio.create_task(self._meet(room, own, hello=hello, echo=echo))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._left(done, address))
        return Place(room, tickets.mint(room, GUEST, role=Role.PATIENT, bound=PRACTICE))

    async def close(self) -> None:
        """Send all robots home."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _meet(self, room: str, ticket: str, *, hello: str, echo: str) -> None:
        meet, phrases = await asyncio.to_thread(_robot)  # aiortc comes with the first robot, and not on the loop
        await meet(room, ticket, desk=self._desk, phrases=phrases(hello, echo), addresses=self._addresses)

    def _left(self, task: asyncio.Task[None], address: str) -> None:
        self._tasks.discard(task)
        self._inviting -= Counter([address])
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("robot_failed", error=type(error).__name__)


def _robot() -> "tuple[Callable[..., Coroutine[Any, Any, None]], type[Phrases]]":
    from video.headless.robot import Phrases, meet

    return meet, Phrases
