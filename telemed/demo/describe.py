"""What the demo offers, for programs: demo.json as DESIGN 11 fixes it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from telemed.demo.files import write_whole


@dataclass(frozen=True, slots=True)
class JoinableAppointment:
    """A video appointment that can be joined now; `clinician` is an index into the clinicians."""

    appointment_id: str
    patient_id: str
    birth_date: str
    organization_id: str
    join_url: str
    clinician: int


@dataclass(frozen=True, slots=True)
class MyData:
    """A "my data" letter of the first patient who can be joined: its address and the PIN of the second letter."""

    patient_id: str
    url: str
    pin: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """A clinician and the one-click sign-in, which works as often as it is used."""

    name: str
    role: str
    practitioner_id: str
    organization_id: str
    sign_in_url: str


@dataclass(frozen=True, slots=True)
class BackendClient:
    """A clinic's system: how it gets tokens."""

    organization_id: str
    client_id: str
    private_key_file: str
    kid: str
    alg: str
    token_url: str
    scope: str


@dataclass(frozen=True, slots=True)
class FreeSlot:
    """A slot that can be booked."""

    schedule_id: str
    slot_id: str
    start: str
    end: str
    practitioner_id: str
    organization_id: str


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything the demo offers, but for the processes that come and go."""

    base_url: str
    fhir_url: str
    portal_url: str
    console_url: str
    database_files: tuple[str, ...]
    log_files: tuple[str, ...]
    releases_dir: str
    appointments: tuple[JoinableAppointment, ...]
    clinicians: tuple[SignIn, ...]
    board: tuple[SignIn, ...]
    officers: tuple[SignIn, ...]
    backend_clients: tuple[BackendClient, ...]
    free_slots: tuple[FreeSlot, ...]
    datasets: tuple[str, ...]
    my_data: MyData


def publish(offer: Offer, file: Path, *, pids: Mapping[str, int]) -> None:
    """Nothing; the file says what is offered and by which processes, whole or not at all."""
    write_whole(file, msgspec.json.format(msgspec.json.encode({**asdict(offer), "pids": dict(pids)}), indent=2))
