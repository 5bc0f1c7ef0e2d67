"""What the commands about the log do; each looks at one snapshot of the database, while the service goes on."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

from sqlmodel import Session, col, select

from fhir.audit import INSERT_AUDIT, Access, row
from fhir.erasure import compartment_of
from fhir.here import stand_at
from fhir.ledger.copies import Copies
from fhir.ledger.export import exported
from fhir.ledger.handover import Handover, Loss, hand_over, notes_here
from fhir.ledger.keys import tenant_of
from fhir.ledger.models import AuditCheckpoint
from fhir.ledger.proof import Proof, prove
from fhir.ledger.retention import Forgotten, forget, notes_of_retention, require_old
from fhir.ledger.verify import Report, Tell, lost, verify
from fhir.policy import Action
from fhir.tables import AuditRow
from infra.caller import Caller, Role
from infra.clock import SystemClock
from infra.problems import Conflict, NotFound, Unavailable
from infra.settings import Settings
from infra.vault import Vault, key_provider
from infra.vault.destroyed import DestroyedList
from infra.vault.destroying import proven
from telemed.startup import with_tables

# Who acts where nobody has signed in: whoever may run commands on the server.
OPERATOR: Final = "operator"
T = TypeVar("T")


class SecondPlaceAway(Unavailable):
    """The folder of TELEMED_CHECKPOINTS_DIR is not there: without it a database that was put back as a whole is not seen."""


class NoSuchLog(NotFound):
    """There is no log of this clinic. `telemed organization list` names those that there are."""


class SecondPlaceInUse(Conflict):
    """The second place has checkpoints already, and what it knows is never replaced. Nothing was copied."""


class NoSecondPlace(Conflict):
    """Set TELEMED_CHECKPOINTS_DIR: only a second place can know what a database that was put back has lost."""


async def latest(settings: Settings, *, tenant: str, limit: int) -> Sequence[AuditRow]:
    """The newest rows of the log of accesses; of one tenant's log if one is named. Sealed details stay sealed."""

    def unit(session: Session) -> Sequence[AuditRow]:
        if tenant:
            _require_log(session, tenant)
        statement = select(AuditRow).order_by(col(AuditRow.recorded).desc(), col(AuditRow.id).desc()).limit(limit)
        return session.exec(statement.where(col(AuditRow.tenant) == tenant) if tenant else statement).all()

    async with with_tables(settings) as database:
        return await database.read(unit)


async def verified(settings: Settings, *, tell: Tell) -> Report:
    """What verifying the whole log finds, with the checkpoints of the second place where one is set."""
    return await _look(settings, partial(verification, settings=settings, tell=tell))


def verification(session: Session, vault: Vault, settings: Settings, *, tell: Tell) -> Report:
    """The same in a session; `SecondPlaceAway` if there is a second place and it is not there."""
    folder = settings.checkpoints_dir
    if folder is not None and not folder.is_dir():
        raise SecondPlaceAway
    copies = None if folder is None else Copies(folder)
    there = {} if copies is None else {"handovers": copies.handovers(), "retained": copies.forgotten()}
    notes = None if copies is None else copies.notes()
    scopes = proven(session, DestroyedList(settings.destroyed_keys, vault.provider))
    erased = {compartment_of(scope) for scope in scopes}
    now = SystemClock().now()
    return verify(session, vault, notes=notes, **there, erased=erased, now=now, tell=tell)


async def losses(settings: Settings) -> list[Loss]:
    """What the second place knows to have been signed and the database does not hold: the mark of a backup put back."""
    if settings.checkpoints_dir is None:
        raise NoSecondPlace
    return lost(await verified(settings, tell=lambda _done, _all: None))


def refuse_young(settings: Settings, *, before: datetime) -> None:
    """Nothing; `TooYoung` for a moment from which on looks are kept."""
    require_old(before, years=settings.log_years, now=SystemClock().now())


async def forget_looks(settings: Settings, *, before: datetime) -> Forgotten:
    """How many rows of looks from before the moment were forgotten."""
    now, vault = SystemClock().now(), _vault(settings)
    if settings.checkpoints_dir is not None and not settings.checkpoints_dir.is_dir():
        raise SecondPlaceAway

    def unit(session: Session) -> tuple[Forgotten, list[str]]:
        said = forget(session, vault, before=before, years=settings.log_years, now=now)
        return said, notes_of_retention(session)

    async with with_tables(settings) as database:
        done, notes = await database.write(unit)
    if settings.checkpoints_dir is not None:
        # Those of before, too, which were made while there was no second place.
        Copies(settings.checkpoints_dir).add_forgotten(notes)
    return done


async def copied(settings: Settings) -> int:
    """How many checkpoints were copied to an empty second place: its beginning, or a new one for one that is lost.

    `SecondPlaceAway`, `NoSecondPlace` or `SecondPlaceInUse` where that can't be meant; the logs say that it was done.
    """
    folder = settings.checkpoints_dir
    if folder is None:
        raise NoSecondPlace
    if not folder.is_dir():
        raise SecondPlaceAway
    copies, now = Copies(folder), SystemClock().now()
    if copies.is_there():
        raise SecondPlaceInUse

    def unit(session: Session) -> tuple[list[str], list[str], list[str]]:
        signed = select(col(AuditCheckpoint.tenant), col(AuditCheckpoint.note))
        found = session.exec(signed.order_by(col(AuditCheckpoint.made), col(AuditCheckpoint.size))).all()
        caller = Caller("", OPERATOR, Role.OPERATOR, purpose="HSYSADMIN")
        access = Access(Action.OPERATION, "AuditEvent")
        told = [row(caller, access, recorded=now, tenant=tenant) for tenant in sorted({tenant for tenant, _ in found})]
        if told:
            INSERT_AUDIT.run_each(session, told)
        return [note for _, note in found], notes_here(session), notes_of_retention(session)

    async with with_tables(settings) as database:
        notes, handovers, retained = await database.write(unit)
    copies.add_handovers(handovers)
    copies.add_forgotten(retained)
    copies.add(notes, now=now)
    return len(notes)


async def handed_over(settings: Settings, *, reason: str, losses: Sequence[Loss]) -> Handover:
    """The handover to a new signing key; under a new name, and said in the logs themselves, if something is given up."""
    now = SystemClock().now()
    vault = _vault(settings)

    def unit(session: Session) -> tuple[Handover, list[str]]:
        made, key = hand_over(session, vault, reason=reason, losses=losses, now=now)
        caller = Caller("", OPERATOR, Role.OPERATOR, purpose="HSYSADMIN", request_id=key)
        access = Access(Action.OPERATION, "AuditEvent")
        told = [row(caller, access, recorded=now, tenant=tenant_of(loss.origin)) for loss in losses]
        if told:
            INSERT_AUDIT.run_each(session, told)
        return made, notes_here(session)

    async with with_tables(settings) as database:
        made, notes = await database.write(unit)
    if settings.checkpoints_dir is not None:
        Copies(settings.checkpoints_dir).add_handovers(notes)
    return made


async def proved(settings: Settings, id: str, *, since: int | None) -> Proof:
    """The proof that an event stands in its log."""
    return await _look(settings, lambda session, vault: prove(session, vault, id, since=since))


async def export(
    settings: Settings, *, tenant: str, since: datetime | None, write: Callable[[dict[str, Any]], None]
) -> None:
    """Nothing; each event of a tenant's log has been handed to `write`, oldest first."""

    stand_at(f"{settings.base_url.rstrip('/')}/fhir")  # the server is one of each event's agents

    def unit(session: Session, vault: Vault) -> None:
        _require_log(session, tenant)
        for event in exported(session, vault, tenant=tenant, since=since):
            write(event)

    await _look(settings, unit)


def _require_log(session: Session, tenant: str) -> None:
    if session.exec(select(AuditRow.id).where(AuditRow.tenant == tenant).limit(1)).first() is None:
        raise NoSuchLog


def _vault(settings: Settings) -> Vault:
    return Vault(key_provider(settings))


async def _look(settings: Settings, unit: Callable[[Session, Vault], T]) -> T:
    vault = _vault(settings)
    async with with_tables(settings) as database:
        return await database.read(lambda session: unit(session, vault))
