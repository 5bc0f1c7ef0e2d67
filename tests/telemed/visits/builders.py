"""What the tests of visits are made of."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from infra.database import Database
from infra.vault import FileKeyProvider, Vault
from telemed.visits import codes
from telemed.visits.codes import Admitted, Refused, Window
from telemed.visits.models import Guest

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BORN = date(1951, 3, 14)
WINDOW = Window.around(NOW, NOW + timedelta(minutes=20))


def make_vault(folder: Path) -> Vault:
    """A vault with keys of its own."""
    return Vault(FileKeyProvider(folder / "keys.json"))


class Desk:
    """Issues and checks codes as the service does, at a time that a test sets."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        self.vault = vault

    async def issue(
        self, appointment: str = "a1", *, window: Window = WINDOW, role: Guest = Guest.PATIENT, born: date = BORN
    ) -> str:
        """A new code."""
        return await self.database.write(
            lambda session: codes.issue(
                session, self.vault, appointment_id=appointment, tenant="t1", factor=born, window=window, role=role
            )
        )

    async def check(self, code: str, *, born: date = BORN, at: datetime = NOW) -> Admitted | Refused:
        """What code and birth date open at this time."""
        return await self.database.write(
            lambda session: codes.check(session, self.vault, code=code, factors=(born,), now=at, business_now=at)
        )
