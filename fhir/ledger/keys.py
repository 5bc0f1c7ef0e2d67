"""The key that signs checkpoints: Ed25519, sealed in the database as the keys that sign tokens are."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import func, text
from sqlmodel import Session, col, select

from fhir.ledger.models import KEY, AuditKey
from infra.vault import Binding, Sealed, Vault

ID_BYTES: Final = 8
# Of whoever makes the log grow, among the advisory locks of PostgreSQL.
LOCK: Final = 0x7E1E_A0D1


class SigningKey(NamedTuple):
    """One key, opened. `name` is what the origins of its logs begin with."""

    name: str
    private: Ed25519PrivateKey

    @property
    def public(self) -> Ed25519PublicKey:
        """What verifies its signatures."""
        return self.private.public_key()


class KnownKey(NamedTuple):
    """A key that verifies: one of ours, or one that one of ours has handed over to."""

    name: str
    public: Ed25519PublicKey


def signing_keys(session: Session, vault: Vault) -> list[SigningKey]:
    """All keys that have signed checkpoints here, the one that signs first; `SealBroken` if one was put in by others."""
    rows = session.exec(select(AuditKey).order_by(col(AuditKey.created).desc(), col(AuditKey.id)))
    return [_opened(session, vault, row) for row in rows]


def make_signing_key(session: Session, vault: Vault, *, name: str, now: datetime) -> Sequence[SigningKey]:
    """All keys, after the first one was made if there was none."""
    alone(session)
    present = signing_keys(session, vault)
    if present:
        return present
    _, key = add_signing_key(session, vault, name=name, now=now)
    return [key]


def add_signing_key(session: Session, vault: Vault, *, name: str, now: datetime) -> tuple[str, SigningKey]:
    """The id of a new key, and the key, which signs from now on; those before it stay to verify."""
    id, private = secrets.token_hex(ID_BYTES), Ed25519PrivateKey.generate()
    sealed = vault.seal(session, private.private_bytes_raw(), to=_place(id))
    session.add(AuditKey(id=id, name=name, data_key=sealed.data_key, private=sealed.body, created=now))
    session.flush()
    return id, SigningKey(name, private)


def key_count(session: Session) -> int:
    """How many keys there are, to see that another one was made."""
    return int(session.connection().execute(select(func.count()).select_from(KEY)).scalar_one())


def alone(session: Session) -> None:
    """Nothing; until this unit ends no other makes the log grow. On SQLite a unit that writes is alone anyway."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})


def origin(name: str, tenant: str) -> str:
    """Which log a checkpoint is of: the installation's name, and whose accesses stand in it."""
    return f"{name}/audit/{tenant}"


def tenant_of(log: str) -> str:
    """Whose accesses stand in the log with this origin."""
    return log.partition(origin("", ""))[2]


def _opened(session: Session, vault: Vault, row: AuditKey) -> SigningKey:
    # The public half is not stored: whoever can write to the database could put another one there.
    raw = vault.open_alone(session, Sealed(row.data_key, row.private), to=_place(row.id))
    return SigningKey(row.name, Ed25519PrivateKey.from_private_bytes(raw))


def _place(id: str) -> Binding:
    return Binding("", "AuditKey", id)
