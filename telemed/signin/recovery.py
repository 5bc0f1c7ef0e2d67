"""Recovery codes: ten on a sheet of paper, each signs in once, for whoever has lost their passkeys.

80 random bits are a name and a secret in one: nobody types who they are, and guessing meets nobody. A code verifies
nobody as a person, so it does not open what asks for a step-up; it lets its owner make a new passkey.
"""

import secrets
from typing import Final

from sqlmodel import Session, col, delete, func, select

from infra.vault import Vault
from telemed.identity.models import Clinician
from telemed.signin.models import RecoveryCode
from telemed.visits.codes import ALPHABET, grouped, normalise

CODES: Final = 10
LENGTH: Final = 16


def renew(session: Session, vault: Vault, *, clinician_id: str) -> list[str]:
    """Ten new codes, in groups of four; those from before stop working with them, all at once."""
    # Two sets made at once must not both be left.
    session.exec(select(Clinician).where(Clinician.id == clinician_id).with_for_update()).all()
    session.exec(delete(RecoveryCode).where(col(RecoveryCode.clinician_id) == clinician_id))
    made = ["".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(CODES)]
    session.add_all(RecoveryCode(digest=_digest(vault, code), clinician_id=clinician_id) for code in made)
    session.flush()
    return [grouped(code) for code in made]


def redeem(session: Session, vault: Vault, code: str) -> str | None:
    """Whose code it is, once; nobody if it is unknown, used, or of somebody who may not sign in any more."""
    # Deleting is the claim: of several at once one gets the row back.
    used = delete(RecoveryCode).where(col(RecoveryCode.digest) == _digest(vault, code))
    owner: str | None = session.execute(used.returning(col(RecoveryCode.clinician_id))).scalar_one_or_none()
    clinician = session.get(Clinician, owner or "")
    return clinician.id if clinician is not None and clinician.active else None


def left(session: Session, *, clinician_id: str) -> int:
    """How many codes the clinician has."""
    return session.exec(select(func.count()).where(RecoveryCode.clinician_id == clinician_id)).one()


def _digest(vault: Vault, code: str) -> bytes:
    return vault.token("recovery-code", normalise(code[:100]))
