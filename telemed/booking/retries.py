"""`Idempotency-Key`: a request that is sent again gets the answer of the first, and nothing is done twice.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ - a key belongs to one client of one tenant.
Kept are keyed hashes of key and request and the version that was made; the answer is read from the record again.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import CursorResult, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col

from fhir.rows import Stored
from fhir.store import Store
from infra.caller import Caller
from infra.clock import SystemClock
from infra.problems import BadRequest, NotFound
from infra.vault import Vault
from telemed.booking.models import AnsweredRequest
from telemed.booking.problems import KeyReused
from telemed.schedules.calendar import platform, tenant_of

LONGEST = 255


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A client's key for one request, and the request itself, as keyed hashes."""

    key: bytes
    request: bytes


def request_key(vault: Vault, caller: Caller, *, header: str | None, operation: str, body: bytes) -> RequestKey | None:
    """The key of a request that came with the header; None without."""
    if header is None:
        return None
    if not 0 < len(header) <= LONGEST:
        raise BadRequest(f"An Idempotency-Key has 1 to {LONGEST} characters.")
    key = vault.token("idempotency-key", caller.tenant, caller.subject, header)
    return RequestKey(key, vault.token("idempotency-request", operation, hashlib.sha256(body).hexdigest()))


def once(session: Session, store: Store, caller: Caller, *, key: RequestKey | None, do: Callable[[], Stored]) -> Stored:
    """What `do` returns, or what it returned when the same request came before."""
    if key is None:
        return do()
    row = {"key": key.key, "request": key.request, "appointment_id": "", "version": 0, "answered": SystemClock().now()}
    upsert = postgres_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    # The insert waits for a twin that is being carried out; if that one fails, this one is the first.
    result = session.execute(upsert(AnsweredRequest).values(row).on_conflict_do_nothing())
    assert isinstance(result, CursorResult)
    if not result.rowcount:
        return _again(session, store, caller, key)
    stored = do()
    mine = col(AnsweredRequest.key) == key.key
    session.execute(update(AnsweredRequest).where(mine).values(appointment_id=stored.id, version=stored.version))
    return stored


def _again(session: Session, store: Store, caller: Caller, key: RequestKey) -> Stored:
    answered = session.get(AnsweredRequest, key.key, populate_existing=True)
    if answered is None or answered.request != key.request:
        raise KeyReused
    id, version = answered.appointment_id, answered.version
    try:
        return store.vread(session, caller, "Appointment", id, version=version)
    except NotFound:
        # Whose time it took may see it no more once it is cancelled; but this very answer they were given before.
        tenant = tenant_of(session, "Appointment", id)
        if tenant in (None, caller.tenant):
            raise
        agent = platform(str(tenant))._replace(request_id=caller.request_id)
        return store.vread(session, agent, "Appointment", id, version=version)
