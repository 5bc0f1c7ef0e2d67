"""Which clinics a resource lets in, read from the resource alone: CareTeam, Appointment, referral, Consent.

Nothing here looks at who wrote it or whether they may; `grants.py` does. A resource that can't be read for certain
(a Consent with narrower provisions than are enforced here, a period with an unreadable end) lets nobody in.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fhir.here import relative
from telemed.access.settle import FOREVER, NEVER

# After the last appointment a clinic documents, writes letters and answers questions.
AFTER_APPOINTMENT = timedelta(days=30)
# A referral that nobody closes ends by itself; German referrals hold for a quarter, chronic care for a year.
REFERRAL_LASTS = timedelta(days=365)

MEETING = frozenset({"pending", "booked", "arrived", "checked-in", "fulfilled"})
# Codes of http://terminology.hl7.org/CodeSystem/consentscope under which a Consent opens the record for care.
CARE_SCOPES = frozenset({"patient-privacy", "treatment"})
# A provision with one of these is narrower than "the whole record"; we enforce no part of it, so it opens nothing.
NARROWER = ("action", "securityLabel", "purpose", "class", "code", "dataPeriod", "data", "provision")

Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Opening:
    """One actor (a reference such as `Practitioner/7`) that a resource lets in, and from when until when."""

    actor: str
    since: datetime
    until: datetime


def openings(type: str, data: Data | None, *, now: datetime) -> list[Opening]:
    """Whom this version of the resource lets in; nobody if it is absent, ended, cancelled or not of such a type."""
    reader = READERS.get(type)
    if data is None or reader is None:
        return []
    return [found for found in reader(data, now) if found.until > max(found.since, now)]


def _care_team(data: Data, now: datetime) -> Iterator[Opening]:
    if data.get("status") != "active" or not _has_patient_as_subject(data):
        return
    period = data.get("period", {})
    since, until = _start(period, now), _end(period)
    for actor in _references(data.get("managingOrganization", [])):
        yield Opening(actor, since, until)
    for participant in data.get("participant", ()):
        own = participant.get("period", {})
        for actor in _references([participant.get("member"), participant.get("onBehalfOf")]):
            yield Opening(actor, max(since, _start(own, now)), min(until, _end(own)))


def _appointment(data: Data, now: datetime) -> Iterator[Opening]:
    ends = moment(data.get("end"))
    if data.get("status") not in MEETING or ends is None or ends == FOREVER:
        return
    for participant in data.get("participant", ()):
        if participant.get("status") != "declined":
            for actor in _references(participant.get("actor")):
                yield Opening(actor, now, ends + AFTER_APPOINTMENT)
    # In whose slot it stands treats the patient, whether anybody else is named or not.
    for slot in _references(data.get("slot", [])):
        yield Opening(slot, now, ends + AFTER_APPOINTMENT)


def _referral(data: Data, now: datetime) -> Iterator[Opening]:
    if data.get("status") != "active" or not _has_patient_as_subject(data):
        return
    written = min(moment(data.get("authoredOn")) or now, now)
    for actor in _references(data.get("performer")):
        yield Opening(actor, now, written + REFERRAL_LASTS)


def _consent(data: Data, now: datetime) -> Iterator[Opening]:
    provision = data.get("provision", {})
    scopes = {coding.get("code") for coding in data.get("scope", {}).get("coding", ())}
    if data.get("status") != "active" or not scopes & CARE_SCOPES or provision.get("type") != "permit":
        return
    if any(key in provision for key in NARROWER):
        return
    period = provision.get("period", {})
    for actor in _references([entry.get("reference") for entry in provision.get("actor", ())]):
        yield Opening(actor, _start(period, now), _end(period))


READERS: dict[str, Callable[[Data, datetime], Iterator[Opening]]] = {
    "CareTeam": _care_team,
    "Appointment": _appointment,
    "ServiceRequest": _referral,
    "Consent": _consent,
}


def _has_patient_as_subject(data: Data) -> bool:
    """Whether it is about one patient. One who only takes part has not been handed over to the others who do."""
    return any(reference.startswith("Patient/") for reference in _references(data.get("subject")))


def _references(found: Any) -> Iterator[str]:
    for item in found if isinstance(found, list) else [found]:
        if isinstance(item, dict) and isinstance(item.get("reference"), str):
            yield relative(item["reference"])


def _start(period: Data, now: datetime) -> datetime:
    return max(now, moment(period["start"]) or FOREVER) if "start" in period else now


def _end(period: Data) -> datetime:
    """The first moment after a period: a day, month or year that is named as its end belongs to it."""
    text = period.get("end")
    if text is None:
        return FOREVER
    begins = moment(text)
    if begins is None or begins == FOREVER:
        return begins or NEVER
    if len(text) == len("2026-12-31"):
        return begins + timedelta(days=1)
    if len(text) == len("2026-12"):
        return (begins + timedelta(days=31)).replace(day=1)
    return begins.replace(year=begins.year + 1) if len(text) == len("2026") else begins


def moment(text: Any) -> datetime | None:
    """The moment of a FHIR dateTime, or its first moment (UTC) if it is a date, a month or a year."""
    if not isinstance(text, str):
        return None
    whole = {4: f"{text}-01-01", 7: f"{text}-01"}.get(len(text), text)
    try:
        found = datetime.fromisoformat(whole)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    # Some systems write the year 9999 for "no end"; adding days to it must not overflow.
    return min(found, FOREVER)
