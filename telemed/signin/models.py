"""The tables of signing in. What proves somebody is never here: public keys and keyed hashes only."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel

from infra.columns import UtcDateTime


class Passkey(SQLModel, table=True):
    """One authenticator of a clinician: its public key, and how often it says that it signed."""

    __tablename__ = "passkey"

    # A keyed hash of the credential's id, which may have up to 1,023 bytes (WebAuthn 3, 4).
    digest: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    clinician_id: str = Field(max_length=64, index=True)
    credential_id: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    public_key: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sign_count: int = Field(sa_column=Column(BigInteger, nullable=False))
    # What its owner calls it: free text, so it is sealed.
    data_key: int = Field(sa_column=Column(BigInteger, nullable=False))
    name: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    used: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, nullable=True))


class RecoveryCode(SQLModel, table=True):
    """A code that signs in once, for whoever has lost their passkeys. The row goes when the code is used."""

    __tablename__ = "recovery_code"

    digest: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    clinician_id: str = Field(max_length=64, index=True)


class Invitation(SQLModel, table=True):
    """A one-time way to a first passkey; a new one takes the place of an older one of the same clinician."""

    __tablename__ = "invitation"

    clinician_id: str = Field(primary_key=True, max_length=64)
    digest: bytes = Field(sa_column=Column(LargeBinary(16), nullable=False, unique=True))
    expires: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class UsedChallenge(SQLModel, table=True):
    """A challenge that was answered. Its primary key is what makes single use atomic."""

    __tablename__ = "used_challenge"

    digest: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    expires: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))


class ExternalAccount(SQLModel, table=True):
    """Whom an account of the external identity provider stands for: a keyed hash of issuer and claim."""

    __tablename__ = "external_account"

    digest: bytes = Field(sa_column=Column(LargeBinary(16), primary_key=True))
    clinician_id: str = Field(max_length=64, unique=True)
