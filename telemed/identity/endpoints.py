"""Looking at a token (RFC 7662) and taking it back (RFC 7009), for clients that prove who they are."""

from datetime import datetime
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidRequestError  # type: ignore[import-untyped]  # Authlib ships no types
from fastapi import APIRouter, Request, Response
from sqlmodel import Session

from telemed.identity import grants
from telemed.identity.asking import Asked, answer
from telemed.identity.models import OAuthClient, OAuthGrant, RevokedToken
from telemed.identity.server import Answer
from telemed.identity.standing import standing
from telemed.identity.tokens import Grant
from telemed.identity.users import User, source_of

router = APIRouter()

# One answer for every token that is not alive here, or not for this clinic's eyes (RFC 7662 2.2).
DEAD: Final[dict[str, Any]] = {"active": False}


@router.post("/oauth/introspect")
async def introspect(request: Request) -> Response:
    """What a token of the caller's own clinic is worth now; for clients with keys."""

    def unit(session: Session, asked: Asked) -> Answer:
        client = _proven(session, asked)
        if client.public:
            raise InvalidRequestError(description="Only clients with keys may look at tokens.")
        return Answer(200, _told(session, asked, client), ())

    return await answer(request, unit, path="/oauth/introspect")


@router.post("/oauth/revoke")
async def revoke(request: Request) -> Response:
    """Nothing more of a token of the caller's own; 200 also for one that was never known (RFC 7009 2.2)."""

    def unit(session: Session, asked: Asked) -> Answer:
        client, now = _proven(session, asked), asked.endpoint.now()
        value = asked.form.get("token", "")
        row = grants.refresh_token(session, asked.endpoint.vault, value)
        grant = asked.endpoint.issuer.verify(value)
        if (row or grant) and client.client_id not in (getattr(row, "client_id", ""), getattr(grant, "client_id", "")):
            raise InvalidRequestError(description="The token is another client's.")
        if row is not None:
            grants.end(session, row.grant_id, now=now)
        elif grant is not None:
            _take_back(session, grant)
        return Answer(200, {}, ())

    return await answer(request, unit, path="/oauth/revoke")


def _proven(session: Session, asked: Asked) -> OAuthClient:
    client = asked.endpoint.client(session, asked.form)
    if not asked.form.get("token"):
        raise InvalidRequestError(description="Send token.")
    return client


def _take_back(session: Session, grant: Grant) -> None:
    if session.get(RevokedToken, grant.jti) is None:
        session.add(RevokedToken(jti=grant.jti, expires=grant.expires))
        session.flush()


def _told(session: Session, asked: Asked, client: OAuthClient) -> dict[str, Any]:
    endpoint, value = asked.endpoint, asked.form["token"]
    now = endpoint.now()
    grant = endpoint.issuer.verify(value)
    if grant is not None:
        caller = standing(session, grant, endpoint.users, now=now)
        if caller is None or grant.tenant != client.tenant:
            return DEAD
        body = {"client_id": grant.client_id, "scope": " ".join(sorted(grant.scopes)), "exp": _seconds(grant.expires)}
        body |= {"sub": grant.user.id if grant.user else grant.client_id, "iss": endpoint.issuer.name}
        body |= {"token_type": "Bearer"} | ({"patient": caller.patient} if caller.patient else {})
        return {"active": True} | body | _person(session, asked, grant)
    row = grants.refresh_token(session, endpoint.vault, value)
    family = session.get(OAuthGrant, row.grant_id) if row is not None else None
    if row is None or family is None or row.used is not None or family.ended is not None:
        return DEAD
    if row.expires <= now or family.tenant != client.tenant:
        return DEAD
    body = {"client_id": row.client_id, "scope": family.scope, "exp": _seconds(row.expires), "sub": family.user_id}
    return {"active": True} | body | ({"patient": family.patient} if family.patient else {})


def _person(session: Session, asked: Asked, grant: Grant) -> dict[str, str]:
    """Who it is, where the person let the app know (SMART App Launch, token introspection)."""
    source = source_of(asked.endpoint.users, grant.user.kind) if grant.user else None
    user: User | None = source.today(session, grant.user.id) if source and grant.user else None
    if user is None or "fhirUser" not in grant.scopes:
        return {}
    return {"fhirUser": f"{asked.endpoint.issuer.audience}/{user.fhir_user}"}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
