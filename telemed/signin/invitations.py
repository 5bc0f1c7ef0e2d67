"""Invitations: how a clinician gets their first passkey, or one more where all are lost. An operator hands them out.

The token stands in the fragment of the address, where no server, proxy or log sees it.
"""

import secrets
from datetime import datetime

from sqlmodel import Session, col, delete, select

from infra.problems import Unauthorized
from infra.vault import Vault
from telemed.identity.lifetimes import INVITATION
from telemed.identity.models import Clinician
from telemed.signin.models import Invitation

LONGEST = 100


class InvitationOver(Unauthorized):
    """This invitation has been used, has expired or was replaced. Ask for a new one."""


def invite(session: Session, vault: Vault, *, clinician_id: str, now: datetime) -> str:
    """The token of a new invitation, good for a day and for one passkey; an older one stops working."""
    token = secrets.token_urlsafe(32)
    session.exec(delete(Invitation).where(col(Invitation.clinician_id) == clinician_id))
    digest = _digest(vault, token)
    session.add(Invitation(clinician_id=clinician_id, digest=digest, expires=now + INVITATION))
    session.flush()
    return token


def url(base_url: str, token: str) -> str:
    """The address of an invitation."""
    return f"{base_url.rstrip('/')}/console/enrol#{token}"


def invited(session: Session, vault: Vault, token: str, *, now: datetime) -> Clinician:
    """Who is invited by this token; `InvitationOver` if nobody is. It stays good."""
    wanted = select(Invitation).where(Invitation.digest == _digest(vault, token), col(Invitation.expires) > now)
    found = session.exec(wanted).one_or_none()
    clinician = session.get(Clinician, found.clinician_id) if found is not None else None
    if clinician is None or not clinician.active:
        raise InvitationOver
    return clinician


def accept(session: Session, vault: Vault, token: str, *, now: datetime) -> Clinician:
    """The same, and the invitation is used; of several at once one gets it."""
    clinician = invited(session, vault, token, now=now)
    used = delete(Invitation).where(col(Invitation.digest) == _digest(vault, token))
    if session.execute(used.returning(col(Invitation.clinician_id))).scalar_one_or_none() is None:
        raise InvitationOver
    return clinician


def _digest(vault: Vault, token: str) -> bytes:
    return vault.token("invitation", token[:LONGEST])
