"""The embedded identity provider: passkeys. They name their owner themselves, so nobody types who they are.

Without a name to type there is no name to guess, to count against or to lock: nobody can find out who has an account,
and nobody can be locked out by somebody else's failures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from sqlmodel import Session, col, select

from infra.clock import Clock
from infra.database import Database
from infra.problems import Conflict, Unprocessable
from infra.vault import Binding, Sealed, Vault
from telemed.identity.models import Clinician
from telemed.identity.sessions import Proof
from telemed.signin import ceremony, challenges
from telemed.signin.ceremony import DECOY, New, Party
from telemed.signin.challenges import Attempt
from telemed.signin.models import Passkey
from telemed.signin.provider import SignInRefused, Verified

log = structlog.get_logger()

MOST_PASSKEYS: Final = 10
LONGEST_NAME: Final = 60


class LastPasskey(Conflict):
    """This is your only passkey. Add another one first, or you could not sign in any more."""


class TooManyPasskeys(Conflict):
    """You have ten passkeys. Remove one that you no longer use."""


class UnusablePasskey(Unprocessable):
    """The passkey could not be taken. Load the page again and repeat it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A passkey as its owner sees it."""

    id: str
    name: str
    created: datetime
    used: datetime | None


class EmbeddedProvider:
    """Clinicians known to this platform, by their passkeys."""

    def __init__(self, database: Database, vault: Vault, *, party: Party, clock: Clock) -> None:
        self._database, self._vault, self._party, self._clock = database, vault, party, clock

    async def begin(self, attempt: Attempt) -> Mapping[str, Any]:
        """`publicKey`: what the browser asks an authenticator; for a step-up one of the clinician's own."""
        challenge = challenges.issue(self._vault, attempt, now=self._clock.now())
        known: Sequence[bytes] = ()
        if attempt.clinician_id:
            known = await self._database.read(lambda session: credential_ids(session, attempt.clinician_id))
        return {"publicKey": ceremony.request(self._party, challenge=challenge, known=known)}

    async def finish(self, attempt: Attempt, answer: Mapping[str, Any]) -> Verified:
        """Whose passkey it is."""
        now = self._clock.now()
        found = await self._database.write(lambda session: self._owner(session, attempt, answer, now=now))
        if found is None:
            raise SignInRefused
        return Verified(found, now, Proof.PASSKEY)

    def _owner(self, session: Session, attempt: Attempt, answer: Mapping[str, Any], *, now: datetime) -> str | None:
        """Every check is made whatever the one before said, so that all refusals cost alike."""
        said = ceremony.shown(answer)
        is_fresh = challenges.consume(session, self._vault, attempt, challenge=said.challenge, now=now)
        digest = _digest(self._vault, said.credential_id)
        known = session.get(Passkey, digest, with_for_update=True, populate_existing=True)
        key, before = (known.public_key, known.sign_count) if known is not None else (DECOY, 0)
        count = ceremony.used(self._party, answer, challenge=said.challenge, public_key=key, sign_count=before)
        owner = session.get(Clinician, known.clinician_id if known is not None else "")
        if not is_fresh or known is None or count is None or owner is None or not owner.active:
            return None
        if attempt.clinician_id not in ("", owner.id) or said.handle not in (b"", handle(self._vault, owner.id)):
            return None
        known.sign_count, known.used = count, now
        session.add(known)
        session.flush()
        return owner.id


def handle(vault: Vault, clinician_id: str) -> bytes:
    """What an authenticator calls the clinician: a pseudonym, as it can be read without unlocking some of them."""
    return vault.token("passkey-handle", clinician_id)


def creation(
    session: Session, vault: Vault, party: Party, *, clinician_id: str, label: str, challenge: bytes
) -> dict[str, Any]:
    """What the browser needs to make one more passkey of this clinician; one authenticator holds one of them."""
    known = credential_ids(session, clinician_id)
    return ceremony.creation(party, challenge=challenge, handle=handle(vault, clinician_id), label=label, known=known)


def keep(session: Session, vault: Vault, *, clinician: Clinician, new: New, name: str, now: datetime) -> None:
    """Nothing; the passkey signs the clinician in from now on. `UnusablePasskey` if somebody has it already."""
    # Two at once must not both be the tenth.
    session.exec(select(Clinician).where(Clinician.id == clinician.id).with_for_update()).all()
    if len(credential_ids(session, clinician.id)) >= MOST_PASSKEYS:
        raise TooManyPasskeys
    digest = _digest(vault, new.credential_id)
    if session.get(Passkey, digest) is not None:
        raise UnusablePasskey
    sealed = vault.seal(session, _cut(name).encode(), to=_binding(clinician.tenant, digest))
    session.add(
        Passkey(
            digest=digest,
            clinician_id=clinician.id,
            credential_id=new.credential_id,
            public_key=new.public_key,
            sign_count=new.sign_count,
            data_key=sealed.data_key,
            name=sealed.body,
            created=now,
        )
    )
    session.flush()


def listed(session: Session, vault: Vault, *, clinician: Clinician) -> list[Listed]:
    """The clinician's passkeys, the oldest first."""
    wanted = select(Passkey).where(Passkey.clinician_id == clinician.id).order_by(col(Passkey.created))
    return [
        Listed(each.digest.hex(), _named(session, vault, clinician.tenant, each), each.created, each.used)
        for each in session.exec(wanted)
    ]


def rename(session: Session, vault: Vault, *, clinician: Clinician, id: str, name: str) -> None:
    """Nothing; the passkey has another name, if it is one of the clinician's."""
    found = _own(session, clinician.id, id)
    if found is not None and _cut(name):
        sealed = vault.seal(session, _cut(name).encode(), to=_binding(clinician.tenant, found.digest))
        found.data_key, found.name = sealed.data_key, sealed.body
        session.add(found)
        session.flush()


def remove(session: Session, *, clinician_id: str, id: str) -> None:
    """Nothing; the passkey signs nobody in any more. `LastPasskey` if it is the only one."""
    session.exec(select(Clinician).where(Clinician.id == clinician_id).with_for_update()).all()
    found = _own(session, clinician_id, id)
    if found is None:
        return
    if len(credential_ids(session, clinician_id)) == 1:
        raise LastPasskey
    session.delete(found)
    session.flush()


def credential_ids(session: Session, clinician_id: str) -> list[bytes]:
    """What the clinician's authenticators call their passkeys."""
    return list(session.exec(select(Passkey.credential_id).where(Passkey.clinician_id == clinician_id)))


def _own(session: Session, clinician_id: str, id: str) -> Passkey | None:
    mine = session.exec(select(Passkey).where(Passkey.clinician_id == clinician_id)).all()
    return next((each for each in mine if each.digest.hex() == id), None)


def _named(session: Session, vault: Vault, tenant: str, passkey: Passkey) -> str:
    sealed = Sealed(passkey.data_key, passkey.name)
    return vault.open_alone(session, sealed, to=_binding(tenant, passkey.digest)).decode()


def _binding(tenant: str, digest: bytes) -> Binding:
    return Binding(tenant, "passkey", digest.hex(), 1)


def _digest(vault: Vault, credential_id: bytes) -> bytes:
    return vault.token("passkey", credential_id.hex())


def _cut(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable()).strip()[:LONGEST_NAME]
