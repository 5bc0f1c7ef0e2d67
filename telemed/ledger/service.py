"""What the commands about the log do; each looks at one snapshot of the database, while the service goes on."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlmodel import Session, col, select

from fhir.here import stand_at
from fhir.ledger.copies import Copies
from fhir.ledger.export import exported
from fhir.ledger.proof import Proof, prove
from fhir.ledger.verify import Report, Tell, verify
from fhir.tables import AuditRow
from infra.clock import SystemClock
from infra.problems import Unavailable
from infra.settings import Settings
from infra.vault import Vault, key_provider
from telemed.startup import StartRefused, with_tables

T = TypeVar("T")


class SecondPlaceAway(Unavailable):
    """The folder of TELEMED_CHECKPOINTS_DIR is not there: without it a database that was put back as a whole is not seen."""


async def latest(settings: Settings, *, tenant: str, limit: int) -> Sequence[AuditRow]:
    """The newest rows of the log of accesses; of one tenant's log if one is named. Sealed details stay sealed."""

    def unit(session: Session) -> Sequence[AuditRow]:
        statement = select(AuditRow).order_by(col(AuditRow.recorded).desc(), col(AuditRow.id).desc()).limit(limit)
        return session.exec(statement.where(col(AuditRow.tenant) == tenant) if tenant else statement).all()

    async with with_tables(settings) as database:
        return await database.read(unit)


async def verified(settings: Settings, *, tell: Tell) -> Report:
    """What verifying the whole log finds, with the checkpoints of the second place where one is set."""
    folder = settings.checkpoints_dir
    if folder is not None and not folder.is_dir():
        raise SecondPlaceAway
    notes = None if folder is None else Copies(folder).notes()
    now = SystemClock().now()
    return await _look(settings, lambda session, vault: verify(session, vault, notes=notes, now=now, tell=tell))


async def proved(settings: Settings, id: str, *, since: int | None) -> Proof:
    """The proof that an event stands in its log."""
    return await _look(settings, lambda session, vault: prove(session, vault, id, since=since))


async def export(
    settings: Settings, *, tenant: str, since: datetime | None, write: Callable[[dict[str, Any]], None]
) -> None:
    """Nothing; each event of a tenant's log has been handed to `write`, oldest first."""

    stand_at(f"{settings.base_url.rstrip('/')}/fhir")  # the server is one of each event's agents

    def unit(session: Session, vault: Vault) -> None:
        for event in exported(session, vault, tenant=tenant, since=since):
            write(event)

    await _look(settings, unit)


async def _look(settings: Settings, unit: Callable[[Session, Vault], T]) -> T:
    if settings.key_provider == "file" and not settings.keys.exists():
        raise StartRefused("There is no key file: without the keys nobody can tell whose signatures these are.")
    vault = Vault(key_provider(settings))
    async with with_tables(settings) as database:
        return await database.read(lambda session: unit(session, vault))
