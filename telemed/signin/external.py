"""The external identity provider: OpenID Connect, authorization code flow with PKCE, with Authlib as the client.

https://openid.net/specs/openid-connect-core-1_0.html, RFC 9700 2.1, RFC 9207. The state is the browser's challenge, so
an answer counts in the browser that asked and once; nonce and verifier follow from it, so nothing is stored. Of the
tokens only the ID token is used, and none is kept.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from joserfc import jws, jwt
from joserfc.errors import JoseError
from sqlmodel import Session, col, delete

from infra.clock import Clock
from infra.database import Database
from infra.settings import Settings
from infra.vault import Vault
from telemed.identity.lifetimes import CONSOLE_ABSOLUTE, LEEWAY, STEP_UP
from telemed.identity.models import Clinician
from telemed.identity.sessions import Proof
from telemed.signin import challenges
from telemed.signin.challenges import Attempt, Purpose
from telemed.signin.metadata import TIMEOUT, Directory, ProviderSilent
from telemed.signin.models import ExternalAccount
from telemed.signin.provider import SignInRefused, Verified

log = structlog.get_logger()

CALLBACK: Final = "/console/oidc/callback"
# Named in every check, whatever the token says: no `none`, no keys shared with the client.
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384")
LONGEST_TOKEN: Final = 16_384


@dataclass(frozen=True, slots=True)
class House:
    """How an operator's provider is reached and read."""

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    claim: str
    acr: str

    @classmethod
    def of(cls, settings: Settings) -> "House":
        """As TELEMED_OIDC_* say."""
        file = settings.oidc_client_secret_file
        return cls(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=file.read_text().strip() if file else "",
            redirect_uri=settings.base_url.rstrip("/") + CALLBACK,
            claim=settings.oidc_claim,
            acr=settings.oidc_acr,
        )


class ExternalProvider:
    """Clinicians as the house's own sign-in knows them."""

    def __init__(self, database: Database, vault: Vault, *, house: House, clock: Clock) -> None:
        self._database, self._vault, self._house, self._clock = database, vault, house, clock
        self._directory = Directory(house.issuer, now=clock.now)

    async def begin(self, attempt: Attempt) -> Mapping[str, Any]:
        """`location`: where the browser goes; for a step-up the provider has to ask for the proof again."""
        state = challenges.as_text(challenges.issue(self._vault, attempt, now=self._clock.now()))
        return {"location": await asyncio.to_thread(self._location, attempt, state)}

    async def finish(self, attempt: Attempt, answer: Mapping[str, Any]) -> Verified:
        """Whose account it is."""
        state, code = (str(answer.get(name, "")) for name in ("state", "code"))
        challenge, now = challenges.from_text(state), self._clock.now()
        is_fresh = await self._database.write(
            lambda session: challenges.consume(session, self._vault, attempt, challenge=challenge, now=now)
        )
        if not is_fresh or not code:
            raise SignInRefused
        claims = await asyncio.to_thread(self._claims, attempt, answer, code=code, state=state)
        problem = self._wrong(claims, attempt, state=state)
        if problem:
            log.info("id_token_refused", reason=problem)
            raise SignInRefused
        subject = claims.get(self._house.claim)
        found = await self._database.read(lambda session: self._owner(session, str(subject)))
        if found is None or attempt.clinician_id not in ("", found):
            raise SignInRefused
        return Verified(found, min(now, datetime.fromtimestamp(claims["auth_time"], UTC)), Proof.EXTERNAL)

    def _location(self, attempt: Attempt, state: str) -> str:
        # Asking for an age makes auth_time a claim that must come (OpenID Connect Core 2).
        extra = {"max_age": str(int(CONSOLE_ABSOLUTE.total_seconds()))}
        if self._house.acr:
            extra["acr_values"] = self._house.acr
        if attempt.purpose is Purpose.STEP_UP:
            # Both: some providers read one of them only. Whether it was done is read from auth_time.
            extra |= {"max_age": "0", "prompt": "login"}
        with self._client() as client:
            made = client.create_authorization_url(
                self._directory.metadata(client).authorization_endpoint,
                state=state,
                nonce=self._nonce(attempt, state),
                code_verifier=self._verifier(attempt, state),
                **extra,
            )
        return str(made[0])

    def _claims(self, attempt: Attempt, answer: Mapping[str, Any], *, code: str, state: str) -> dict[str, Any]:
        """The claims of the ID token that the code is worth, its signature checked; a worker thread's work."""
        from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]  # Authlib ships no types
        from requests import RequestException  # nosemgrep: other-way-out - the operator names the provider

        with self._client() as client:
            metadata = self._directory.metadata(client)
            # RFC 9207 2.4: an answer of another provider is not taken to this one's token endpoint.
            said = answer.get("iss")
            if said != self._house.issuer and (said is not None or metadata.names_issuer):
                raise SignInRefused
            try:
                tokens = client.fetch_token(
                    metadata.token_endpoint,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=self._verifier(attempt, state),
                    redirect_uri=self._house.redirect_uri,
                    timeout=TIMEOUT,
                    allow_redirects=False,
                )
            except AuthlibBaseError as error:
                raise SignInRefused from error
            except (RequestException, OSError, ValueError) as error:
                raise ProviderSilent from error
            token = tokens.get("id_token")
            if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
                raise SignInRefused
            try:
                kid = str(jws.extract_compact(token.encode()).headers().get("kid", ""))
                keys = self._directory.keys(client, kid=kid)
                return dict(jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims)
            except (JoseError, ValueError, TypeError, RecursionError) as error:
                raise SignInRefused from error

    def _wrong(self, claims: Mapping[str, Any], attempt: Attempt, *, state: str) -> str:
        """What is wrong with the claims (OpenID Connect Core 3.1.3.7), by a word for the log; empty if nothing is."""
        now, leeway = self._clock.now().timestamp(), LEEWAY.total_seconds()
        times = {name: claims.get(name) for name in ("exp", "iat", "auth_time")}
        # bool is an int, and NaN compares false with everything, so the type is looked at first.
        if any(value is not None and type(value) is not int for value in times.values()):
            return "times"
        exp, iat, at = times["exp"], times["iat"], times["auth_time"]
        if claims.get("iss") != self._house.issuer:
            return "iss"
        # One audience: a token that is also meant for others could be brought here by them.
        if claims.get("aud") not in (self._house.client_id, [self._house.client_id]):
            return "aud"
        if claims.get("azp", self._house.client_id) != self._house.client_id:
            return "azp"
        if exp is None or exp <= now - leeway or iat is None or iat > now + leeway:
            return "exp"
        if claims.get("nonce") != self._nonce(attempt, state):
            return "nonce"
        if self._house.acr and claims.get("acr") != self._house.acr:
            return "acr"
        subject = claims.get(self._house.claim)
        if not isinstance(subject, str) or not subject:
            return "claim"
        oldest = STEP_UP if attempt.purpose is Purpose.STEP_UP else CONSOLE_ABSOLUTE + LEEWAY
        if at is None or not now - oldest.total_seconds() < at <= now + leeway:
            return "auth_time"
        return ""

    def _owner(self, session: Session, subject: str) -> str | None:
        found = owner_of(session, self._vault, house=self._house, subject=subject)
        owner = session.get(Clinician, found) if found is not None else None
        return owner.id if owner is not None and owner.active else None

    def _client(self) -> Any:
        # The one for requests: Authlib's for httpx is on its way out (1.9 warns).
        from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]  # as above

        client = OAuth2Session(
            self._house.client_id,
            self._house.client_secret or None,
            scope="openid",
            redirect_uri=self._house.redirect_uri,
            code_challenge_method="S256",
        )
        # No password of a .netrc, no proxy that somebody put into the environment.
        client.trust_env = False
        return client

    def _nonce(self, attempt: Attempt, state: str) -> str:
        return self._vault.token("oidc-nonce", attempt.browser, state).hex()

    def _verifier(self, attempt: Attempt, state: str) -> str:
        # 256 bits in 64 characters (RFC 7636 4.1).
        halves = (self._vault.token("oidc-verifier", half, attempt.browser, state).hex() for half in "ab")
        return "".join(halves)


def owner_of(session: Session, vault: Vault, *, house: House, subject: str) -> str | None:
    """The clinician whose account has this value of the claim."""
    account = session.get(ExternalAccount, _digest(vault, house, subject))
    return account.clinician_id if account is not None else None


def connect(session: Session, vault: Vault, *, house: House, clinician_id: str, subject: str) -> None:
    """Nothing; the account with this value of the claim is the clinician's, in place of one that they had before."""
    session.exec(delete(ExternalAccount).where(col(ExternalAccount.clinician_id) == clinician_id))
    session.add(ExternalAccount(digest=_digest(vault, house, subject), clinician_id=clinician_id))
    session.flush()


def _digest(vault: Vault, house: House, subject: str) -> bytes:
    # Keyed: the claim itself may be a name or a mail address.
    return vault.token("external-account", house.issuer, house.claim, subject)
