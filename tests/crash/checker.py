"""What must hold of a database after a crash, whatever was under way; each check names what it found."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from fhir import rows
from fhir.drafts import blind
from fhir.rows import HEADS, VERSIONS, Stored
from fhir.tables import AuditRow, Compartment, Token, UniqueToken
from infra.vault import Vault
from tests.crash.ledger import Ledger, marker_of

WRITES = ("create", "update", "delete", "patch")


@dataclass(frozen=True)
class Found:
    """Everything that lies in the record, opened."""

    heads: dict[str, Stored]
    past: dict[str, list[Stored]]
    tokens: dict[int, set[bytes]]
    claims: set[int]
    compartments: set[str]
    written: Counter[tuple[str, int]]

    @property
    def versions(self) -> dict[tuple[str, int], Stored]:
        """All versions by id and number."""
        every = [*self.heads.values(), *(stored for past in self.past.values() for stored in past)]
        return {(stored.id, stored.version): stored for stored in every}


def found(session: Session, vault: Vault) -> Found:
    """What is there; a body that does not open raises."""
    heads = {row.id: rows.opened(vault, row) for row in rows.many(session, HEADS)}
    past: dict[str, list[Stored]] = {}
    for row in rows.many(session, VERSIONS):
        past.setdefault(row.id, []).append(rows.opened(vault, row))
    tokens: dict[int, set[bytes]] = {}
    for token, rid in session.execute(select(col(Token.t), col(Token.rid))):
        tokens.setdefault(rid, set()).add(bytes(token))
    accesses = session.execute(
        select(col(AuditRow.resource_id), col(AuditRow.version)).where(
            col(AuditRow.action).in_(WRITES), col(AuditRow.outcome) == "0"
        )
    )
    return Found(
        heads,
        past,
        tokens,
        set(session.execute(select(col(UniqueToken.rid))).scalars()),
        set(session.execute(select(col(Compartment.patient_id))).scalars()),
        Counter((str(id), int(version)) for id, version in accesses),
    )


def faults(there: Found, ledger: Ledger, vault: Vault) -> list[str]:
    """What is wrong; empty if everything acknowledged is there and whole, and nothing is half there."""
    _settle(there, ledger)
    return [
        *_missing_or_changed(there, ledger),
        *_unasked(there, ledger),
        *_history(there),
        *_index(there, vault),
        *_beside(there),
    ]


def _settle(there: Found, ledger: Ledger) -> None:
    """Nothing; each request whose answer never came is now known to have happened, or dropped if none of it did."""
    ids = {marker_of(stored.data): key for key, stored in there.versions.items() if not stored.deleted}
    ids |= {f"{id}/{version}": (id, version) for (id, version), stored in there.versions.items() if stored.deleted}
    for operation in list(ledger.open):
        if any(change.marker in ids for change in operation):
            for change in operation:
                # Of one that is half there the rest is counted as acknowledged, so that it is missing.
                change.id, change.version = ids.get(change.marker, (change.id or change.marker, change.version))
            ledger.answered(operation)
        else:
            ledger.refused(operation)


def _missing_or_changed(there: Found, ledger: Ledger) -> Iterator[str]:
    for (id, version), change in ledger.acknowledged.items():
        stored = there.versions.get((id, version))
        if stored is None:
            yield f"lost: {change.type}/{id} version {version}"
        elif stored.deleted != (change.sent is None) or _content(stored) != change.expected():
            yield f"changed: {change.type}/{id} version {version}"


def _content(stored: Stored) -> dict[str, Any] | None:
    if stored.deleted:
        return None
    return {name: value for name, value in stored.data.items() if name not in ("id", "meta")}


def _unasked(there: Found, ledger: Ledger) -> Iterator[str]:
    for id, version in there.versions:
        if (id, version) not in ledger.acknowledged:
            yield f"nobody asked for {id} version {version}"


def _history(there: Found) -> Iterator[str]:
    for id, head in there.heads.items():
        numbers = sorted(stored.version for stored in there.past.get(id, []))
        if numbers != list(range(1, head.version)):
            yield f"history of {id} has {numbers} before {head.version}"
    for id in there.past.keys() - there.heads.keys():
        yield f"history without a resource: {id}"


def _index(there: Found, vault: Vault) -> Iterator[str]:
    for id, head in there.heads.items():
        wanted = set() if head.deleted else blind(vault, head.type, head.data)
        if there.tokens.get(head.rid, set()) != wanted:
            yield f"index of {id} does not agree with its body"
    for rid in there.tokens.keys() - {head.rid for head in there.heads.values()}:
        yield f"index of a row that is not there: {rid}"


def _beside(there: Found) -> Iterator[str]:
    """The log of accesses, claims of conditional creates, compartments."""
    for key in there.written.keys() | there.versions.keys():
        if there.written[key] != 1 or key not in there.versions:
            yield f"log of {key[0]} version {key[1]}: {there.written[key]} writes"
    for rid in there.claims - {head.rid for head in there.heads.values()}:
        yield f"a claim for a row that is not there: {rid}"
    patients = {id for id, head in there.heads.items() if head.type == "Patient"}
    for id in patients ^ there.compartments:
        yield f"patient without compartment or the other way round: {id}"
