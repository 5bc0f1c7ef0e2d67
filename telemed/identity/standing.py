"""What a token is worth now: the client still on, the person still there, in the role of today, nothing taken back.

Looked up in the database when a process first sees a token and again every ten seconds; in between the answer is found
in memory. So what is switched off or revoked ends within ten seconds on every process; what a patient allowed an app,
with its next request.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlmodel import Session

from infra.caller import Caller, Role
from infra.clock import Clock, is_within
from infra.database import Database
from telemed.identity.lifetimes import STANDING
from telemed.identity.models import OAuthClient, OAuthGrant, RevokedToken
from telemed.identity.tokens import LONGEST_TOKEN, Grant, TokenIssuer
from telemed.identity.users import UserKind, UserSource, source_of

KEPT: Final = 10_000
# http://terminology.hl7.org/CodeSystem/v3-ActReason: the patient wants the app to have it.
ASKED: Final = "PATRQT"


class TokenCheck:
    """Tells whose a token is. One for a process."""

    def __init__(self, issuer: TokenIssuer, users: Sequence[UserSource], clock: Clock) -> None:
        self._issuer = issuer
        self._users = users
        self._now = clock.now
        self._known: OrderedDict[bytes, tuple[datetime, datetime, Caller]] = OrderedDict()

    def known(self, token: str) -> Caller | None:
        """Whose the token is, if that was looked up in the last ten seconds; else nothing, and `find` has to."""
        if len(token) > LONGEST_TOKEN or not token.isascii():
            return None
        found = self._known.get(hashlib.sha256(token.encode()).digest())
        if found is None:
            return None
        (looked, expires, caller), now = found, self._now()
        return caller if now < expires and is_within(STANDING, since=looked, now=now) else None

    async def find(self, database: Database, token: str) -> Caller | None:
        """Whose the token is now; nobody if it is not one of ours that holds."""
        grant = self._issuer.verify(token)
        if grant is None and self._issuer.is_foreign(token):
            await self._issuer.look_again(database)
            grant = self._issuer.verify(token)
        if grant is None:
            return None
        now = self._now()
        caller = await database.read(lambda session: standing(session, grant, self._users, now=now))
        digest = hashlib.sha256(token.encode()).digest()
        self._known.pop(digest, None)
        # What a patient takes back from an app counts for its very next request (Art. 7 (3) GDPR).
        if caller is not None and caller.role is not Role.PATIENT:
            self._known[digest] = (now, grant.expires, caller)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return caller


def standing(session: Session, grant: Grant, users: Sequence[UserSource], *, now: datetime) -> Caller | None:
    """The caller that a token makes now; nobody if client, person, grant or token are no longer good."""
    client = session.get(OAuthClient, grant.client_id)
    if client is None or not client.active or (client.tenant != grant.tenant and grant.user is None):
        return None
    if session.get(RevokedToken, grant.jti) is not None:
        return None
    if grant.user is None:
        return Caller(grant.tenant, grant.client_id, Role.SYSTEM, grant.scopes)
    family = session.get(OAuthGrant, grant.user.grant)
    source = source_of(users, grant.user.kind)
    if family is None or family.ended is not None or family.expires <= now or source is None:
        return None
    user = source.today(session, grant.user.id)
    if user is None or user.tenant != grant.tenant:
        return None
    if user.kind is UserKind.PATIENT:
        own = Caller(user.tenant, user.subject, user.role, grant.scopes, patient=user.subject)
        return own._replace(purpose=ASKED, app=grant.client_id)
    return Caller(user.tenant, user.subject, user.role, grant.scopes, patient=grant.user.patient)
