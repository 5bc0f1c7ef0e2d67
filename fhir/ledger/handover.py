"""What a signing key says before another one signs: which, from when on, why, and what of the log is given up with it.

A key is changed in time under the same name, so that the log goes on. After a backup was put back the log must not go on
under its name: whoever has seen more of it, such as a witness, would see it forked. Then it begins anew under another
name, over what is left, and the old key signs which checkpoints are lost. A handover is a signed note, in the database
and in the second place; who trusts the first key can follow them to the newest. https://c2sp.org/signed-note
"""

import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlmodel import Session

from fhir.ledger.keys import KnownKey, SigningKey, add_signing_key, alone, signing_keys
from fhir.ledger.models import HANDOVER, AuditHandover
from infra.checkpoints import CheckpointBroken, is_signed, key_of, key_text, signature_line
from infra.problems import Unprocessable
from infra.vault import Vault

FORM: Final = "telemed.handover.1"
LONGEST_REASON: Final = 200
_LOSS: Final = re.compile(r"lost (\S+) (\d+) (\d+) (\S+)")
_REASON: Final = re.compile(r"reason [^\x00-\x1f\x7f]+")


class UnusableReason(Unprocessable):
    """Say in one line of at most 200 characters why, without names of persons: everybody who verifies the log reads it."""


class NothingToHandOver(Unprocessable):
    """There is no signing key yet. The running service makes one with the first event."""


class Loss(NamedTuple):
    """Checkpoints of one origin that no longer hold: those of more than `kept` events, up to `signed` with its root."""

    origin: str
    kept: int
    signed: int
    root: str


class Handover(NamedTuple):
    """One change of key, with what is given up."""

    old: KnownKey
    new: KnownKey
    made: datetime
    reason: str
    losses: tuple[Loss, ...]

    @property
    def text(self) -> str:
        """What both keys sign."""
        lost = "".join(f"lost {' '.join(map(str, each))}\n" for each in self.losses)
        old, new = (key_text(key.name, key.public) for key in (self.old, self.new))
        return f"{FORM}\n{old}\n{new}\n{self.made.isoformat(timespec='seconds')}\n{lost}reason {self.reason}\n"


def hand_over(
    session: Session, vault: Vault, *, reason: str, losses: Sequence[Loss], now: datetime
) -> tuple[Handover, str]:
    """The handover and the id of the key that signs from here on; under a new name if something is given up."""
    alone(session)
    keys = signing_keys(session, vault)
    if not keys:
        raise NothingToHandOver
    said = reason.strip()
    if not 0 < len(said) <= LONGEST_REASON or not _REASON.fullmatch(f"reason {said}"):
        raise UnusableReason
    old = keys[0]
    first = old.name.partition("/")[0]
    # Never a name that was used: a backup from before another new beginning does not know of it.
    name = f"{first}/{now.date().isoformat()}-{secrets.token_hex(2)}" if losses else old.name
    id, new = add_signing_key(session, vault, name=name, now=now)
    before, after = (KnownKey(key.name, key.public) for key in (old, new))
    made = Handover(before, after, now.replace(microsecond=0), said, tuple(losses))
    session.add(AuditHandover(key=id, note=_signed(made, old, new), made=now))
    session.flush()
    return made, id


def notes_here(session: Session) -> list[str]:
    """The handovers in the database, as they were signed, oldest first."""
    found = session.connection().execute(select(HANDOVER.c.note).order_by(HANDOVER.c.made)).scalars()
    # Beside them stand the notes of retention.
    return [note for note in found if note.startswith(f"{FORM}\n")]


def followed(notes: Iterable[str], keys: Iterable[KnownKey]) -> tuple[list[KnownKey], list[Handover], list[str]]:
    """All keys that these have handed over to or taken over from, these first; the handovers; the notes of others.

    Both keys have signed, so whoever trusts one of them can trust the other.
    """
    known, waiting, found = list(keys), dict.fromkeys(notes), list[Handover]()
    while True:
        signed = {note: said for note in waiting if (said := _opened(note, known)) is not None}
        if not signed:
            return known, found, list(waiting)
        for note, said in signed.items():
            found.append(said)
            del waiting[note]
            known += [key for key in (said.old, said.new) if key not in known]


def _signed(handover: Handover, old: SigningKey, new: SigningKey) -> str:
    text = handover.text
    return f"{text}\n{signature_line(text, old.name, old.private)}{signature_line(text, new.name, new.private)}"


def _opened(note: str, known: Sequence[KnownKey]) -> Handover | None:
    try:
        said = _parsed(note.rpartition("\n\n")[0])
        both = [is_signed(note, key.name, key.public) for key in (said.old, said.new)]
        return said if all(both) and (said.old in known or said.new in known) else None
    except CheckpointBroken:
        return None


def _parsed(text: str) -> Handover:
    try:
        form, old, new, made, *lost, reason = text.split("\n")
        losses = [_LOSS.fullmatch(line) for line in lost]
        if form != FORM or not all(losses) or not _REASON.fullmatch(reason):
            raise CheckpointBroken
        found = tuple(Loss(each[1], int(each[2]), int(each[3]), each[4]) for each in losses if each)
        keys = [KnownKey(each.partition("+")[0], key_of(each)) for each in (old, new)]
        return Handover(keys[0], keys[1], datetime.fromisoformat(made), reason.removeprefix("reason "), found)
    except ValueError as error:
        raise CheckpointBroken from error
