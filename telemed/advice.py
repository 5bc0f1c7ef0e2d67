"""What works and needs somebody's eye all the same: the lines that `telemed doctor` marks `look`."""

from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from sqlmodel import Session, col, select

from infra.settings import Settings
from infra.vault import Vault, key_provider
from telemed.access.net import is_bypassed
from telemed.startup import holds_keys, opened, placeholders

BYPASSED: Final = "The account is above PostgreSQL's row security. Give the service one without SUPERUSER and BYPASSRLS."
NO_SECOND_PLACE: Final = (
    "Nothing outside the database knows the log of accesses: a database that is put back as a whole is not seen. "
    "Set TELEMED_CHECKPOINTS_DIR."
)


class Look(NamedTuple):
    """Which part needs an eye, and why."""

    part: str
    advice: str


def of_settings(settings: Settings) -> Iterator[Look]:
    """What the settings leave open; nothing of it matters to a demo."""
    if settings.is_demo:
        return
    if settings.checkpoints_dir is None:
        yield Look("second place", NO_SECOND_PLACE)
    if left := placeholders(settings):
        yield Look("texts", f"Patients would read placeholders. Set {' and '.join(left)}.")


async def of_database(settings: Settings) -> list[Look]:
    """What the database tells that needs an eye; it has tables of this version."""
    async with opened(settings.database) as database:
        found = []
        if await database.read(is_bypassed):
            found.append(Look("row security", BYPASSED))
        if not settings.destroyed_keys.exists() and await database.read(holds_keys):
            found.append(Look("erasures", _no_list(settings)))
    return found


def _no_list(settings: Settings) -> str:
    return (
        f"There is no list of destroyed keys at {settings.destroyed_keys}: a backup would bring back who was erased. "
        "Put your copy of it there; if nobody was ever erased, an empty file."
    )
