"""Who asks: made in one place from a bearer token or a session, handed to everything that decides."""

from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """What a caller is; telemed.access turns it into what the caller may do."""

    SYSTEM = "system"
    PHYSICIAN = "physician"
    NURSE = "nurse"
    COORDINATOR = "coordinator"
    RECEPTIONIST = "receptionist"
    PATIENT = "patient"
    ANALYST = "analyst"
    OPERATOR = "operator"
    PRIVACY_OFFICER = "privacy-officer"
    SERVICE = "service"


class Caller(NamedTuple):
    """One caller of one request. `tenant` is the Organization id; `subject` is a client, practitioner or visit id."""

    tenant: str
    subject: str
    role: Role
    scopes: frozenset[str] = frozenset()
    purpose: str = "TREAT"
    request_id: str = ""
