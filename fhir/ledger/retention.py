"""Forgetting old looks: rows of reads and searches go, their leaves stay, and a signed note says up to when.

What wrote the record stays for ever, as its versions are held against it. The tree is not touched: whoever kept a copy of
a row that is gone can still show that it stood there, and verifying tells a row that was forgotten from one that somebody
removed.
"""

import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import delete, func, or_, select
from sqlmodel import Session

from fhir.audit import AUDIT, DONE
from fhir.ids import first_after
from fhir.ledger.handover import NothingToHandOver
from fhir.ledger.heads import WRITES
from fhir.ledger.keys import ID_BYTES, KnownKey, alone, signing_keys
from fhir.ledger.models import HANDOVER, LEAF, AuditHandover
from infra.append_only import removable
from infra.checkpoints import CheckpointBroken, is_signed, signature_line
from infra.problems import Conflict
from infra.settings import LEAST_LOG_YEARS
from infra.vault import Vault

FORM: Final = "telemed.retention.1"
_TEXT: Final = re.compile(rf"{FORM}\n(\S+)\nbefore (\S+)\nrows (\d+)\n")


class KeptTooShort(Conflict):
    """The log is kept for ten years at least (BGB, Section 630f). Set TELEMED_LOG_YEARS to 10 or more, or leave it out."""


class TooYoung(Conflict):
    """The log keeps its rows longer than that (TELEMED_LOG_YEARS)."""


class Forgotten(NamedTuple):
    """Rows of looks from before a moment, of which so many were forgotten at once."""

    before: datetime
    rows: int


def require_old(before: datetime, *, years: int, now: datetime) -> None:
    """Nothing; `TooYoung` for a moment that is not so many years ago, `KeptTooShort` for fewer than ten."""
    if years < LEAST_LOG_YEARS:
        raise KeptTooShort
    if before > now - timedelta(days=366 * years):
        raise TooYoung


def forget(session: Session, vault: Vault, *, before: datetime, years: int, now: datetime) -> Forgotten:
    """What was forgotten; only what is signed and older than so many years, ten at least. The database refuses again afterwards."""
    require_old(before, years=years, now=now)
    alone(session)
    keys = signing_keys(session, vault)
    if not keys:
        raise NothingToHandOver
    looks = or_(AUDIT.c.action.not_in(WRITES), AUDIT.c.outcome != DONE, AUDIT.c.resource_id.is_(None))
    which = (AUDIT.c.id < first_after(before), looks, AUDIT.c.id.in_(select(LEAF.c.event)))
    connection = session.connection()
    rows = int(connection.execute(select(func.count()).select_from(AUDIT).where(*which)).scalar_one())
    with removable(connection, AUDIT):
        connection.execute(delete(AUDIT).where(*which))
    text = f"{FORM}\n{keys[0].name}\nbefore {before.isoformat()}\nrows {rows}\n"
    note = f"{text}\n{signature_line(text, keys[0].name, keys[0].private)}"
    session.add(AuditHandover(key=secrets.token_hex(ID_BYTES), note=note, made=now))
    session.flush()
    return Forgotten(before, rows)


def notes_of_retention(session: Session) -> list[str]:
    """The notes about what was forgotten, as they were signed, the oldest first."""
    found = session.connection().execute(select(HANDOVER.c.note).order_by(HANDOVER.c.made)).scalars()
    return [note for note in found if note.startswith(f"{FORM}\n")]


def forgotten(session: Session, keys: Sequence[KnownKey], *, copied: Sequence[str] = ()) -> list[Forgotten]:
    """What was forgotten, as far as one of our keys has signed it, here or in a note of the second place."""
    notes = dict.fromkeys([*notes_of_retention(session), *copied])
    return [said for note in notes if (said := _opened(note, keys)) is not None]


def _opened(note: str, keys: Iterable[KnownKey]) -> Forgotten | None:
    match = _TEXT.fullmatch(f"{note.rpartition(chr(10) * 2)[0]}\n")
    try:
        if match is None or not any(is_signed(note, key.name, key.public) for key in keys if key.name == match[1]):
            return None
        return Forgotten(datetime.fromisoformat(match[2]).astimezone(UTC), int(match[3]))
    except (CheckpointBroken, ValueError):
        return None
