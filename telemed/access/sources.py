"""Which clinics a resource lets in, read from the resource alone: CareTeam, Appointment, referral, Consent.

Nothing here looks at who wrote it or whether they may; `grants.py` does. A resource that can't be read for certain
(a period with an unreadable end, a provision that can't be decided) lets nobody in.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fhir.here import relative
from telemed.access.periods import end, moment, start
from telemed.access.provisions import lines, parts
from telemed.access.settle import FOREVER

# After the last appointment a clinic documents, writes letters and answers questions.
AFTER_APPOINTMENT = timedelta(days=30)
# A referral that nobody closes ends by itself; German referrals hold for a quarter, chronic care for a year.
REFERRAL_LASTS = timedelta(days=365)

MEETING = frozenset({"pending", "booked", "arrived", "checked-in", "fulfilled"})
Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Opening:
    """One actor (a reference such as `Practitioner/7`) that a resource lets in, from when until when, and to what.

    `type` and `item` (an id) name a part of the record; empty is all of it.
    """

    actor: str
    since: datetime
    until: datetime
    type: str = ""
    item: str = ""


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
    since, until = start(period, now), end(period)
    for actor in _references(data.get("managingOrganization", [])):
        yield Opening(actor, since, until)
    for participant in data.get("participant", ()):
        own = participant.get("period", {})
        for actor in _references([participant.get("member"), participant.get("onBehalfOf")]):
            yield Opening(actor, max(since, start(own, now)), min(until, end(own)))


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
    for line in lines(data, now=now):
        for actor in (line.actors or ()) if line.opens else ():
            for type, item in parts(line):
                yield Opening(actor, max(line.since, now), line.until, type, item)


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
