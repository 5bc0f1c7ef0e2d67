"""The tables of identities: registered systems, people of a clinic, their sessions, the platform's signing keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, LargeBinary, String
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime


class OAuthClient(SQLModel, table=True):
    """A clinic's system or app that may ask for tokens: how it proves itself, where it lives, its scopes."""

    __tablename__ = "oauth_client"

    client_id: str = Field(primary_key=True, max_length=64)
    tenant: str = Field(max_length=64, index=True)
    # A JSON Web Key Set with public keys only (`clients.public_keys` checks); empty with `jwks_uri`, and if public.
    jwks: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    scope: str = Field(max_length=2000)
    active: bool = True
    created: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    # Of an app that people use: what they read about it, and where it may be sent back to.
    name: str = Field(default="", max_length=60)
    redirect_uris: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    launch_url: str = Field(default="", max_length=500)
    jwks_uri: str = Field(default="", max_length=500)
    # Runs where it can keep no key (a browser, a phone): PKCE and the redirect address are all that it shows.
    public: bool = False


class UsedAssertion(SQLModel, table=True):
    """A client assertion that has been used. Its primary key is what makes single use atomic."""

    __tablename__ = "used_assertion"

    # SHA-256 over client and jti: of bounded size whatever the client sends.
    digest: bytes = Field(sa_column=Column(LargeBinary(32), primary_key=True))
    expires: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))


class SigningKey(SQLModel, table=True):
    """A key that signs access tokens: the public half to publish, the private half sealed."""

    __tablename__ = "signing_key"

    kid: str = Field(primary_key=True, max_length=64)
    public: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    data_key: int = Field(sa_column=Column(BigInteger, nullable=False))
    private: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    # Signs until then; is published for one token life longer.
    retires: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class Clinician(SQLModel, table=True):
    """A person who signs in to the console. Names stand in the record, under the Practitioner."""

    __tablename__ = "clinician"

    id: str = Field(primary_key=True, max_length=64)
    tenant: str = Field(max_length=64, index=True)
    practitioner_id: str = Field(max_length=64)
    role: str = Field(max_length=16)
    active: bool = True


class SignInLink(SQLModel, table=True):
    """A reusable one-click sign-in of the demo. A production start refuses a database that holds one."""

    __tablename__ = "sign_in_link"

    digest: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    clinician_id: str = Field(max_length=64)


class ConsoleSession(SQLModel, table=True):
    """A signed-in browser of a clinician. The cookie's value is not here, only a keyed hash of it."""

    __tablename__ = "console_session"

    digest: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    clinician_id: str = Field(max_length=64, index=True)
    opened: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    seen: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    expires: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    # When its owner was last seen to be its owner, and by what (`sessions.Proof`).
    verified: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))
    proof: str = Field(default="", sa_column=Column(String(8), nullable=False, server_default=""))
    # "Firefox, Linux": of a short list, so that people know their own sessions; never an address.
    browser: str = Field(default="", sa_column=Column(String(40), nullable=False, server_default=""))


class OAuthGrant(SQLModel, table=True):
    """What a person allowed an app: the family of all tokens that come of it. Its end is the end of them all."""

    __tablename__ = "oauth_grant"

    id: str = Field(primary_key=True, max_length=32)
    client_id: str = Field(max_length=64, index=True)
    tenant: str = Field(max_length=64)
    user_kind: str = Field(max_length=16)
    user_id: str = Field(max_length=64, index=True)
    scope: str = Field(max_length=2000)
    # The Patient in context; empty where there is none.
    patient: str = Field(max_length=64)
    nonce: str = Field(max_length=255)
    # Of the browser's session, for what ends with it (`online_access`).
    session: bytes | None = Field(default=None, sa_column=Column(LargeBinary(32), nullable=True))
    opened: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    expires: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    ended: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))


class AuthorizationCode(SQLModel, table=True):
    """A code that waits to be redeemed. Setting `used` where it is NULL is what makes single use atomic."""

    __tablename__ = "authorization_code"

    digest: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    grant_id: str = Field(max_length=32)
    client_id: str = Field(max_length=64)
    redirect_uri: str = Field(max_length=500)
    challenge: str = Field(max_length=43)
    expires: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    used: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))


class RefreshToken(SQLModel, table=True):
    """A refresh token, used once and followed by the next. The value is not here, only a keyed hash of it."""

    __tablename__ = "refresh_token"

    digest: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    grant_id: str = Field(max_length=32, index=True)
    client_id: str = Field(max_length=64)
    expires: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    used: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))


class Launch(SQLModel, table=True):
    """An app about to be opened from the console: for this client, this person and this patient alone, once."""

    __tablename__ = "oauth_launch"

    digest: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    client_id: str = Field(max_length=64)
    user_kind: str = Field(max_length=16)
    user_id: str = Field(max_length=64)
    patient: str = Field(max_length=64)
    expires: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    used: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))


class RevokedToken(SQLModel, table=True):
    """An access token that was taken back before its end."""

    __tablename__ = "revoked_token"

    jti: str = Field(primary_key=True, max_length=64)
    expires: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
