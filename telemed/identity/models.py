"""The tables of identities: registered systems, people of a clinic, their sessions, the platform's signing keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, LargeBinary, String
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime


class OAuthClient(SQLModel, table=True):
    """A clinic's system that may ask for tokens: its public keys and the scopes it is registered for."""

    __tablename__ = "oauth_client"

    client_id: str = Field(primary_key=True, max_length=64)
    tenant: str = Field(max_length=64, index=True)
    # A JSON Web Key Set with public keys only (`clients.public_keys` checks).
    jwks: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    scope: str = Field(max_length=2000)
    active: bool = True
    created: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


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
