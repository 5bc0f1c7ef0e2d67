"""Clinicians of made-up clinics, and the passkeys that they hold."""

from datetime import datetime

from infra.database import Database, Session
from infra.vault import Vault
from telemed.identity.models import Clinician
from telemed.signin import passkeys
from telemed.signin.ceremony import Party, made
from telemed.signin.challenges import Attempt, Purpose, as_text, issue
from tests.telemed.signin.authenticator import Authenticator, text

PARTY = Party("localhost", "http://localhost:8000")


def clinician(id: str, *, tenant: str = "clinic-a", role: str = "physician", active: bool = True) -> Clinician:
    """A clinician, whose practitioner has the same id."""
    return Clinician(id=id, tenant=tenant, practitioner_id=id, role=role, active=active)


async def passkey_of(database: Database, vault: Vault, id: str, *, now: datetime) -> Authenticator:
    """An authenticator that holds a passkey of a clinician who is registered."""
    device = Authenticator(PARTY.origin)
    challenge = issue(vault, Attempt("enrolling", Purpose.ENROL, id), now=now)
    options = {"challenge": as_text(challenge), "user": {"id": text(passkeys.handle(vault, id))}}
    new = made(PARTY, device.create(options), challenge=challenge)
    assert new is not None

    def unit(session: Session) -> None:
        owner = session.get_one(Clinician, id)
        passkeys.keep(session, vault, clinician=owner, new=new, name="Phone", now=now)

    await database.write(unit)
    return device


async def registered(database: Database, *people: Clinician) -> None:
    """Nothing; these people are registered."""
    await database.write(lambda session: session.add_all(people))
