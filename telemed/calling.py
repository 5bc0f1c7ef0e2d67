"""Synthetic calls: two headless participants in a room of their own, through the whole service and no patient's data."""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Final

from infra.problems import Problem
from infra.settings import Settings
from infra.vault import key_provider
from video.room import Role
from video.tickets import Tickets

PROBE: Final = "probe"
"""What tickets of such rooms are bound to, and how the rooms' names begin; only who has the service's keys can mint one."""

SECONDS: Final = 5.0


class CallFailed(Problem):
    """A call through this service does not come about, or is not what it should be."""


PRACTICE: Final = "practice"
"""The same of the rooms in which a robot waits."""


def is_nobodys(room: str, bound: str) -> bool:
    """True for the room of a synthetic call or of a robot: no visit is behind it."""
    return bound in (PROBE, PRACTICE) and room.startswith(f"{bound}-")


async def call(settings: Settings, *, seconds: float = SECONDS, file: Path | None = None) -> str:
    """What was seen in a call of so many seconds, in words; `CallFailed` where it was not what it should be."""
    from video.headless.camera import UnreadableVideoError
    from video.headless.participant import CallFailedError
    from video.headless.probe import probe

    tickets = Tickets(key_provider(settings).secret("video-ticket"))
    room = f"{PROBE}-{secrets.token_hex(8)}"
    roles = {"probe-physician": Role.PHYSICIAN, "probe-patient": Role.PATIENT}
    minted = {
        who: tickets.mint(room, who, role=role, ttl=timedelta(minutes=1), bound=PROBE) for who, role in roles.items()
    }
    try:
        report = await probe(settings.base_url, room, tickets=minted, seconds=seconds, file=file)
    except (CallFailedError, UnreadableVideoError, OSError) as error:
        raise CallFailed(f"The call failed. {error}") from None
    sides = report.sides.values()
    counts = ", ".join(f"{one.recognised} of {one.pictures} pictures and {one.sounds} sounds" for one in sides)
    if not report.sealed:
        raise CallFailed(f"Frames were readable without their key, or not sealed by their sender ({counts}).")
    if not report.flows:
        raise CallFailed(f"Too little came through: {counts}.")
    return f"{counts}, all sealed"
