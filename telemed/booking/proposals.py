"""Ids of proposals: `$find` stores nothing, so the id itself says which slot for which patient, and proves it.

Row numbers of slot and patient with a keyed hash over both and the tenant they were proposed to: 52 characters, within
the 64 of a FHIR id. The row numbers say nothing that the ids of slot and patient do not say.
"""

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from fhir.tables import Resource
from infra.vault import Vault
from telemed.booking.problems import AppointmentUnknown

LENGTH = 52
_ROWS = struct.Struct(">QQ")
_MAC = 16


@dataclass(frozen=True, slots=True)
class Proposal:
    """A slot for a patient; without a patient the one who books names them."""

    slot_id: str
    patient_id: str | None


def proposal_ids(
    session: Session, vault: Vault, slot_ids: list[str], *, patient_id: str | None, tenant: str
) -> dict[str, str]:
    """The id of the proposal of each slot that is in the record, by slot."""
    wanted = [*slot_ids, *([patient_id] if patient_id else [])]
    statement = select(col(Resource.id), col(Resource.rid)).where(col(Resource.id).in_(wanted))
    rows: dict[str, int] = {row.id: row.rid for row in session.execute(statement)}
    patient = rows.get(patient_id, 0) if patient_id else 0
    return {slot: _encode(vault, rows[slot], patient, tenant=tenant) for slot in slot_ids if slot in rows}


def read_proposal(session: Session, vault: Vault, id: str, *, tenant: str) -> Proposal:
    """What an id that `$find` gave to this tenant stands for; `AppointmentUnknown` for any other."""
    slot, patient = _decode(vault, id, tenant=tenant)
    statement = select(col(Resource.rid), col(Resource.id)).where(col(Resource.rid).in_([slot, patient]))
    ids: dict[int, str] = {row.rid: row.id for row in session.execute(statement)}
    if slot not in ids:
        raise AppointmentUnknown
    return Proposal(ids[slot], ids.get(patient))


def looks_like_proposal(id: str) -> bool:
    """True if the id has the form of a proposal's; stored appointments have shorter ids."""
    return len(id) == LENGTH


def _encode(vault: Vault, slot: int, patient: int, *, tenant: str) -> str:
    rows = _ROWS.pack(slot, patient)
    return base64.b32encode(rows + _mac(vault, rows, tenant)).decode("ascii").rstrip("=").lower()


def _decode(vault: Vault, id: str, *, tenant: str) -> tuple[int, int]:
    try:
        raw = base64.b32decode(id.upper() + "=" * (-len(id) % 8))
    except (binascii.Error, ValueError) as error:
        raise AppointmentUnknown from error
    rows, mac = raw[: _ROWS.size], raw[_ROWS.size :]
    if len(raw) != _ROWS.size + _MAC or not hmac.compare_digest(mac, _mac(vault, rows, tenant)):
        raise AppointmentUnknown
    slot, patient = _ROWS.unpack(rows)
    return int(slot), int(patient)


def _mac(vault: Vault, rows: bytes, tenant: str) -> bytes:
    return vault.token("proposal", rows.hex(), tenant)
