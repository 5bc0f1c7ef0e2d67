"""What has been signed about each log, in the database and in the second place, as far as the signatures are ours."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import func, select
from sqlmodel import Session

from fhir.ledger.handover import Handover, followed, notes_here
from fhir.ledger.keys import KnownKey, SigningKey, origin, signing_keys
from fhir.ledger.models import CHECKPOINT
from fhir.ledger.retention import Forgotten, forgotten, notes_of_retention
from infra.checkpoints import Checkpoint, CheckpointBroken, opened
from infra.vault import SealBroken, Vault

HERE: Final = "the database"
THERE: Final = "the second place"


Differs = Callable[[str], None]


class Signed(NamedTuple):
    """A root that we have signed; `peaks` is what the database has beside it, None in the second place."""

    where: str
    origin: str
    root: bytes
    peaks: bytes | None = None


@dataclass(slots=True)
class Stated:
    """The signed roots of each tenant's log by the number of its leaves."""

    by_tenant: dict[str, dict[int, list[Signed]]] = field(default_factory=lambda: defaultdict(dict))
    # How many notes the second place has, and the largest size of each tenant's log that it knows.
    copies: int = 0
    copied: dict[str, int] = field(default_factory=dict)
    handovers: list[Handover] = field(default_factory=list)
    forgotten: list[Forgotten] = field(default_factory=list)

    def is_given_up(self, size: int, signed: Signed) -> bool:
        """True for a checkpoint of the second place that a handover gives up."""
        losses = (loss for handover in self.handovers for loss in handover.losses)
        return signed.where == THERE and any(
            loss.origin == signed.origin and loss.kept < size <= loss.signed for loss in losses
        )

    def add(self, tenant: str, size: int, signed: Signed) -> None:
        """Nothing; one more root is known."""
        self.by_tenant[tenant].setdefault(size, []).append(signed)


def stated(
    session: Session,
    vault: Vault,
    *,
    notes: Iterator[str],
    handovers: Sequence[str] | None,
    retained: Sequence[str] | None,
    differs: Differs,
) -> Stated:
    """Everything signed, in the database and in these notes of the second place; `differs` hears of what is not.

    `handovers` and `retained`, what is said of forgotten rows, are those of the second place, None where there is none.
    """
    keys, handed = _known(session, vault, handovers, differs)
    found = Stated(handovers=handed, forgotten=forgotten(session, keys, copied=retained or ()))
    if retained is not None:
        for _ in set(notes_of_retention(session)) - set(retained):
            differs(f"not copied: {THERE} does not know of rows that were forgotten here")
    verified = dict[str, Checkpoint]()
    here = select(CHECKPOINT.c.tenant, CHECKPOINT.c.size, CHECKPOINT.c.note, CHECKPOINT.c.peaks)
    for tenant, size, note, peaks in session.connection().execute(
        here.order_by(CHECKPOINT.c.tenant, CHECKPOINT.c.size)
    ):
        said = _said(note, keys)
        if said is None or said.size != size or said.origin not in {origin(key.name, tenant) for key in keys}:
            differs(f"not ours: the checkpoint of {tenant} with {size} events")
            continue
        verified[note] = said
        found.add(tenant, size, Signed(HERE, said.origin, said.root, peaks))
    for note in notes:
        found.copies += 1
        # Nearly all are the database's own, letter by letter.
        said = verified.get(note) or _said(note, keys)
        tenant = None if said is None else _tenant(said, keys)
        if said is None or tenant is None:
            differs(f"not ours: a checkpoint in {THERE}, number {found.copies}")
            continue
        found.copied[tenant] = max(said.size, found.copied.get(tenant, 0))
        there = Signed(THERE, said.origin, said.root)
        if there not in found.by_tenant[tenant].get(said.size, ()):
            found.add(tenant, said.size, there)
    return found


def uncopied(session: Session, found: Stated, *, before: datetime, differs: Differs) -> None:
    """Nothing; `differs` hears of logs whose checkpoints of that time are not in the second place."""
    signed = select(CHECKPOINT.c.tenant, func.max(CHECKPOINT.c.size)).where(CHECKPOINT.c.made < before)
    for tenant, size in session.connection().execute(signed.group_by(CHECKPOINT.c.tenant)):
        if found.copied.get(tenant, 0) < size:
            differs(
                f"not copied: {THERE} knows {found.copied.get(tenant, 0)} events of {tenant}, {size} are signed here"
            )


def _known(
    session: Session, vault: Vault, there: Sequence[str] | None, differs: Differs
) -> tuple[list[KnownKey], list[Handover]]:
    """All keys whose signatures are ours, also of a key that a backup which was put back does not have."""
    here = notes_here(session)
    ours = [KnownKey(key.name, key.public) for key in _keys(session, vault, differs)]
    keys, found, foreign = followed([*here, *(there or ())], ours)
    for _ in foreign:
        differs("not ours: a handover of the log to another key")
    if there is not None:
        for _ in set(here) - set(there):
            differs(f"not copied: {THERE} does not know of a handover of the log to another key")
    return keys, found


def _keys(session: Session, vault: Vault, differs: Differs) -> Sequence[SigningKey]:
    try:
        return signing_keys(session, vault)
    except SealBroken:
        differs("not ours: a key in audit_key that the vault has not sealed")
        return ()


def _said(note: str, keys: Sequence[KnownKey]) -> Checkpoint | None:
    try:
        return opened(note, [key.public for key in keys])
    except CheckpointBroken:
        return None


def _tenant(said: Checkpoint, keys: Sequence[KnownKey]) -> str | None:
    beginnings = (origin(key.name, "") for key in keys)
    return next((said.origin.removeprefix(each) for each in beginnings if said.origin.startswith(each)), None)
