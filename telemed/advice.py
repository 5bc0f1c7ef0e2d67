"""What works and needs somebody's eye all the same: the lines that `telemed doctor` marks `look`."""

from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from sqlmodel import Session, col, select

from fhir.rows import HEADS, RESOURCE, many
from fhir.rows import opened as opened_row
from infra.caller import Role
from infra.settings import Settings
from infra.vault import KeysUnusable, SealBroken, Vault, key_provider
from telemed.access.net import is_bypassed
from telemed.identity.models import Clinician
from telemed.notices.content import recipient_of
from telemed.startup import holds_keys, opened, placeholders

MOST_NAMED: Final = 5
BYPASSED: Final = (
    "The account is above PostgreSQL's row security. Give the service one without SUPERUSER and BYPASSRLS."
)
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
        if not settings.is_demo and not settings.privacy_mail and _has_keys(settings):
            vault = Vault(key_provider(settings))
            if alone := await database.read(partial(_without_officer, vault=vault)):
                found.append(Look("privacy officers", _no_officer(alone)))
    return found


def _has_keys(settings: Settings) -> bool:
    return settings.key_provider != "file" or settings.keys.exists()


def _without_officer(session: Session, *, vault: Vault) -> list[str]:
    """The clinics of which no privacy officer can be told of an emergency access."""
    clinics = select(RESOURCE.c.id).where(
        RESOURCE.c.type == "Organization", RESOURCE.c.id == RESOURCE.c.tenant, ~RESOURCE.c.deleted
    )
    officer = (Clinician.role == Role.PRIVACY_OFFICER.value, col(Clinician.active))
    ids = session.exec(select(Clinician.practitioner_id).where(*officer)).all()
    people = HEADS.where(RESOURCE.c.type == "Practitioner", RESOURCE.c.id.in_(ids), ~RESOURCE.c.deleted)
    try:
        reached = {row.tenant for row in many(session, people) if recipient_of(opened_row(vault, row).data).mail}
    except (SealBroken, KeysUnusable):
        return []  # said of the keys
    return sorted({str(id) for (id,) in session.connection().execute(clinics).fetchall()} - reached)


def _no_officer(clinics: list[str]) -> str:
    told = ", ".join(clinics[:MOST_NAMED]) + (" and others" if len(clinics) > MOST_NAMED else "")
    return (
        f"Nobody is told by mail of emergency accesses at {told}. Register a privacy officer with --mail, "
        "or set TELEMED_PRIVACY_MAIL."
    )


def _no_list(settings: Settings) -> str:
    return (
        f"There is no list of destroyed keys at {settings.destroyed_keys}: a backup would bring back who was erased. "
        "Put your copy of it there; if nobody was ever erased, an empty file."
    )
