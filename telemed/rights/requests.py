"""Requests of patients, answered by a person of the clinic (Art. 12 (3), (4) GDPR): done, or not and why.

The requests are Tasks that `telemed.mydata.requests` writes. Each function is part of an atomic unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from sqlmodel import Session

from fhir import codec
from fhir.here import relative
from fhir.rows import Stored
from fhir.search import parsing
from infra.caller import Caller
from infra.problems import Conflict, Gone, NotFound, Unprocessable
from telemed.mydata.requests import OPEN, RESTRICTED, SYSTEM, Kind, kind_of
from telemed.rights import restriction
from telemed.schedules.calendar import platform
from telemed.services import Services
from telemed.visits import resource

MOST: Final = 200
LONGEST: Final = 1000


class Answer(StrEnum):
    """What somebody of the clinic says to a request."""

    RESTRICT = "restrict"
    END = "end"
    DONE = "done"
    DECLINE = "decline"


class AnsweredAlready(Conflict):
    """This request has been answered, or taken back."""


class NoReason(Unprocessable):
    """Who declines a request says why (Art. 12 (4) GDPR)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One open request: whose, what for, since when, in their words; and whether their record is restricted for it."""

    id: str
    patient_id: str
    name: str
    born: date | None
    kind: str
    day: date | None
    text: str
    restricted: bool


@dataclass(frozen=True, slots=True)
class Restricted:
    """A record that nobody works with: whose, since when, and until when if its end has been announced."""

    patient_id: str
    name: str
    since: datetime
    until: datetime | None


def open_requests(session: Session, services: Services, caller: Caller) -> list[Request]:
    """The clinic's open requests, the oldest first."""
    codes = ",".join(f"{SYSTEM}|{kind.value}" for kind in Kind)
    asked = parsing.parse(
        "Task", [("code", codes), ("status", ",".join(sorted(OPEN))), ("_count", str(MOST)), ("_total", "none")]
    )
    found = [each.data for each in services.store.search(session, caller, asked).entries]
    return [shown(session, services, caller, data) for data in sorted(found, key=_authored)]


def answer(
    session: Session, services: Services, caller: Caller, *, id: str, said: Answer, reason: str = ""
) -> datetime | None:
    """When the restriction ends, where that was announced; else nothing. The patient reads the answer in "My data"."""
    found = open_request(session, services, caller, id)
    patient_id = patient_of(found)
    match said:
        case Answer.RESTRICT if kind_of(found.data) is Kind.RESTRICTION and not _is_restricted(found.data):
            restriction.impose(session, services, caller, patient_id=patient_id)
            _write(session, services, caller, found, status="in-progress", businessStatus={"text": RESTRICTED})
        case Answer.END if _is_restricted(found.data):
            until = restriction.announce_end(session, services, caller, patient_id=patient_id)
            _write(session, services, caller, found, status="completed")
            return until
        case Answer.DONE if kind_of(found.data) is Kind.CORRECTION:
            _write(session, services, caller, found, status="completed")
        case Answer.DECLINE if not _is_restricted(found.data):
            why = " ".join(reason.split())[:LONGEST]
            if not why:
                raise NoReason
            _write(session, services, caller, found, status="rejected", statusReason={"text": why})
        case _:
            raise AnsweredAlready
    return None


def restrictions(session: Session, services: Services, caller: Caller) -> list[Restricted]:
    """The records of the clinic that nobody works with now, whatever became of the request."""
    found = restriction.in_force_at(session, caller.tenant, now=services.clock.now())
    return [
        Restricted(
            one.patient_id,
            resource.name(_person(session, services, caller, one.patient_id)),
            one.since,
            one.until,
        )
        for one in found
    ]


def open_request(session: Session, services: Services, caller: Caller, id: str) -> Stored:
    """A request of the caller's clinic that is open; `AnsweredAlready`, or `NotFound` for what is none."""
    found = services.store.read(session, caller, "Task", id)
    if kind_of(found.data) is None:
        raise NotFound
    if found.data.get("status") not in OPEN:
        raise AnsweredAlready
    return found


def patient_of(request: Stored) -> str:
    """The id of the Patient whose request it is."""
    return relative(str(request.data["for"]["reference"])).removeprefix("Patient/")


def _write(session: Session, services: Services, caller: Caller, found: Stored, **values: Any) -> None:
    now = codec.instant(services.clock.now())
    changed = resource.parsed({**found.data, **values, "lastModified": now})
    services.store.update(session, caller, "Task", found.id, changed, if_match=found.version)


def shown(session: Session, services: Services, caller: Caller, data: Mapping[str, Any]) -> Request:
    """A request as whoever answers it reads it."""
    patient_id = relative(str(data["for"]["reference"])).removeprefix("Patient/")
    person = _person(session, services, caller, patient_id)
    notes = [str(note.get("text", "")) for note in data.get("note", ())]
    day = date.fromisoformat(str(data["authoredOn"])[:10]) if data.get("authoredOn") else None
    kind = kind_of(data)
    return Request(
        str(data["id"]),
        patient_id,
        resource.name(person),
        resource.birth_date(person),
        kind.value if kind else "",
        day,
        "\n".join(notes),
        _is_restricted(data),
    )


def _person(session: Session, services: Services, caller: Caller, patient_id: str) -> dict[str, Any]:
    try:
        # Who has to answer has to know whom; the role reads no Patients, so the platform says who it is.
        return services.record.read(session, platform(caller.tenant), "Patient", patient_id).data
    except (NotFound, Gone):
        return {}


def _is_restricted(data: Mapping[str, Any]) -> bool:
    return bool(data.get("businessStatus", {}).get("text") == RESTRICTED)


def _authored(data: Mapping[str, Any]) -> str:
    return str(data.get("authoredOn", ""))
