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
    PRIVACY_OFFICER = "privacy-officer"
    RELEASE_BOARD = "release-board"
    ANALYST = "analyst"
    OPERATOR = "operator"
    SERVICE = "service"


class Caller(NamedTuple):
    """One caller of one request. `tenant` is the Organization id; `subject` is a client, practitioner or visit id.

    `patient` is the id of the one patient that scopes of the context `patient/` are about, if there is one. `app` is the
    client that asks in the name of a patient; the log names it, so that its looks are not taken for the patient's own.
    """

    tenant: str
    subject: str
    role: Role
    scopes: frozenset[str] = frozenset()
    purpose: str = "TREAT"
    request_id: str = ""
    patient: str = ""
    app: str = ""
