"""The apps that a patient has allowed to act in their name, and taking that back: it counts for an app's next request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from infra.problems import Conflict
from telemed.identity import grants
from telemed.identity.models import OAuthClient, OAuthGrant
from telemed.identity.users import UserKind
from telemed.mydata.models import LetterCode
from telemed.mydata.sessions import MyPatient


class NotAllowedAnyMore(Conflict):
    """This app is not allowed anything any more."""


@dataclass(frozen=True, slots=True)
class AllowedApp:
    """An app with what it may do: the scopes of all that was allowed it, since when and until when."""

    id: str
    name: str
    scopes: tuple[str, ...]
    since: datetime
    until: datetime


def allowed_apps(session: Session, patient: MyPatient, *, now: datetime) -> list[AllowedApp]:
    """The apps that may act for the patient now, by name. Part of an atomic unit."""
    by_client: dict[str, list[OAuthGrant]] = {}
    for grant in _standing(session, patient, now=now):
        by_client.setdefault(grant.client_id, []).append(grant)
    wanted = select(OAuthClient).where(col(OAuthClient.client_id).in_(sorted(by_client)))
    named = {client.client_id: client.name for client in session.exec(wanted)}
    found = [
        AllowedApp(
            id,
            named.get(id) or id,
            tuple(dict.fromkeys(scope for grant in given for scope in grant.scope.split())),
            min(grant.opened for grant in given),
            max(grant.expires for grant in given),
        )
        for id, given in by_client.items()
    ]
    return sorted(found, key=lambda app: app.name.casefold())


def withdraw_app(session: Session, patient: MyPatient, *, id: str, now: datetime) -> None:
    """Nothing; all tokens of the app for this patient are worth nothing. `NotAllowedAnyMore` if it had none."""
    given = [grant for grant in _standing(session, patient, now=now) if grant.client_id == id]
    if not given:
        raise NotAllowedAnyMore
    for grant in given:
        grants.end(session, grant.id, now=now)


def _standing(session: Session, patient: MyPatient, *, now: datetime) -> Sequence[OAuthGrant]:
    letters = session.exec(select(LetterCode.hash).where(LetterCode.compartment == patient.compartment)).all()
    wanted = select(OAuthGrant).where(
        OAuthGrant.user_kind == UserKind.PATIENT.value,
        col(OAuthGrant.user_id).in_([hash.hex() for hash in letters]),
        col(OAuthGrant.ended).is_(None),
        col(OAuthGrant.expires) > now,
    )
    return session.exec(wanted.order_by(col(OAuthGrant.opened), col(OAuthGrant.id))).all()
