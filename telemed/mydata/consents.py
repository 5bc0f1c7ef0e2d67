"""Consents that a patient gives and withdraws: FHIR Consents through the record, with their history and their log.

Care with another clinic: a plain permit for the whole record, which opens it to that clinic as long as it is active
(`telemed.access.sources`). Statistics: the latest statement counts, and a refusal outlasts silence (`anonymise`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlmodel import col, select

from fhir import codec
from fhir.here import relative
from fhir.rows import Stored
from fhir.search import parsing
from fhir.store import Store
from fhir.tables import Compartment
from infra.caller import Caller
from infra.database import Session
from infra.problems import Conflict, Unprocessable
from telemed.access.periods import end
from telemed.access.sources import openings
from telemed.console.chart import about
from telemed.console.directory import by_id
from telemed.mydata.sessions import MyPatient
from telemed.visits import resource

SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
LOINC: Final = "http://loinc.org"
# "Patient Consent": what kind of document it is; the category of ours says what it is about.
PATIENT_CONSENT: Final = "59284-0"
CATEGORY: Final = "https://telemed.example/fhir/CodeSystem/consent-category"
STATISTICS: Final = "statistics"
CARE: Final = "care"
CARE_SCOPES: Final = frozenset({"patient-privacy", "treatment"})
MOST_READ: Final = 500
Data = dict[str, Any]


class Lasts(StrEnum):
    """For how long a consent is given."""

    MONTHS = "90"
    YEAR = "365"
    OPEN = "open"


class NotThere(Conflict):
    """This consent is not in force any more."""


class NoSuchClinic(Unprocessable):
    """Choose a clinic from the list."""


@dataclass(frozen=True, slots=True)
class CareConsent:
    """A consent for care with others: to whom, since when, until when, and whether it holds."""

    id: str
    clinics: tuple[str, ...]
    given: date | None
    until: date | None
    holds: bool


@dataclass(frozen=True, slots=True)
class Consents:
    """What a patient has said: about care with other clinics, and about statistics (None: nothing yet)."""

    care: tuple[CareConsent, ...]
    statistics: bool | None
    stated: date | None


def consents(session: Session, store: Store, caller: Caller, patient: MyPatient) -> Consents:
    """All consents in the patient's record, the newest first. Part of an atomic unit."""
    found = sorted(_all(session, store, caller, patient), key=_given, reverse=True)
    care = [data for data in found if is_care(data)]
    names = _names(session, store, caller, {actor for data in care for actor in _actors(data)})
    latest = next((data for data in found if is_about(data, STATISTICS) and data.get("status") == "active"), None)
    return Consents(
        tuple(_shown(data, names, now=store.clock.now()) for data in care),
        None if latest is None else latest.get("provision", {}).get("type") == "permit",
        _day(latest.get("dateTime")) if latest else None,
    )


def clinics(session: Session, store: Store, caller: Caller) -> list[tuple[str, str]]:
    """The clinics of the region that a consent may be given to, by name; not the own one. Part of an atomic unit."""
    found: dict[str, str] = {}
    asked, after = parsing.parse("Organization", [("_count", str(MOST_READ)), ("_total", "none")]), None
    while True:
        page = store.search(session, caller, asked, after=after)
        # Who keeps an Organization under its own tenant's id is a clinic; others are departments and partners.
        found |= {entry.id: resource.name(entry.data) for entry in page.entries if entry.id == entry.tenant}
        after = page.next
        if after is None:
            break
    found.pop(caller.tenant, None)
    return sorted(found.items(), key=lambda each: each[1].casefold())


def allow(session: Session, store: Store, caller: Caller, patient: MyPatient, *, clinic: str, lasts: Lasts) -> Stored:
    """The one consent that opens the record to a clinic from now on; given again, it is renewed. Part of an atomic unit."""
    if clinic not in dict(clinics(session, store, caller)):
        raise NoSuchClinic
    _alone(session, patient)
    now = store.clock.now()
    provision: Data = {
        "type": "permit",
        "actor": [{"role": {"text": "recipient"}, "reference": {"reference": f"Organization/{clinic}"}}],
    }
    if lasts is not Lasts.OPEN:
        until = now + timedelta(days=int(lasts))
        provision["period"] = {"start": codec.instant(now), "end": codec.instant(until)}
    made = _consent(patient, now=now, scope="patient-privacy", category=CARE, provision=provision)
    told = f"Organization/{clinic}"
    earlier = [data for data in _permits(session, store, caller, patient) if _is_own_to(data, told)]
    for data in earlier[1:]:
        _end(session, store, caller, data)
    if earlier:
        id = earlier[0]["id"]
        return store.update(session, caller, "Consent", id, resource.parsed(made | {"id": id}), if_match=None)
    return store.create(session, caller, resource.parsed(made))


def withdraw(session: Session, store: Store, caller: Caller, patient: MyPatient, *, id: str) -> bool:
    """True if no consent opens anything from the next request on to whom this one was given. Part of an atomic unit.

    Other consents to the same clinics end with it. False where one with exceptions, which a clinic wrote down, opens on.
    """
    _alone(session, patient)
    found = store.read(session, caller, "Consent", id)
    if not is_care(found.data) or found.data.get("status") != "active":
        raise NotThere
    actors, now = frozenset(_actors(found.data)), store.clock.now()
    _end(session, store, caller, found.data)
    opening = [
        data
        for data in _permits(session, store, caller, patient)
        if not actors.isdisjoint(each.actor for each in openings("Consent", data, now=now))
    ]
    for data in filter(_is_plain, opening):
        left = [each for each in data["provision"]["actor"] if _reference(each) not in actors]
        if left:
            changed = resource.parsed({**data, "provision": data["provision"] | {"actor": left}})
            store.update(session, caller, "Consent", data["id"], changed, if_match=None)
        else:
            _end(session, store, caller, data)
    return all(map(_is_plain, opening))


def state_statistics(session: Session, store: Store, caller: Caller, patient: MyPatient, *, permit: bool) -> Stored:
    """The statement about statistics, as it now stands; a refusal is kept, as silence would not outweigh a permit."""
    _alone(session, patient)
    now = store.clock.now()
    provision = {"type": "permit" if permit else "deny"}
    earlier = [
        data
        for data in _all(session, store, caller, patient)
        if is_about(data, STATISTICS) and data.get("status") == "active"
    ]
    for data in earlier:
        # Its time is the latest, so it outweighs what this clinic wrote down before; versions keep what was said.
        changed = resource.parsed({**data, "dateTime": codec.instant(now), "provision": provision})
        stored = store.update(session, caller, "Consent", data["id"], changed, if_match=None)
    if earlier:
        return stored
    made = _consent(patient, now=now, scope="research", category=STATISTICS, provision=provision)
    return store.create(session, caller, resource.parsed(made))


def is_care(data: Mapping[str, Any]) -> bool:
    """True for a Consent that may open the record for care."""
    return bool({coding.get("code") for coding in data.get("scope", {}).get("coding", ())} & CARE_SCOPES)


def is_about(data: Mapping[str, Any], category: str) -> bool:
    """True for a Consent of one of our categories."""
    codings = (coding for concept in data.get("category", ()) for coding in concept.get("coding", ()))
    return any(coding.get("system") == CATEGORY and coding.get("code") == category for coding in codings)


def _all(session: Session, store: Store, caller: Caller, patient: MyPatient) -> list[Data]:
    return about(session, store, caller, type="Consent", patient=patient.patient_id)


def _alone(session: Session, patient: MyPatient) -> None:
    """Nothing; of two units about the consents of this patient the second waits, and finds what the first has done."""
    own = select(Compartment.id).where(col(Compartment.id) == patient.compartment)
    session.exec(own.with_for_update()).all()


def _permits(session: Session, store: Store, caller: Caller, patient: MyPatient) -> list[Data]:
    """The consents for care that hold, the newest first."""
    found = about(session, store, caller, type="Consent", patient=patient.patient_id, status="active")
    return sorted((data for data in found if is_care(data) and data.get("provision")), key=_given, reverse=True)


def _is_plain(data: Data) -> bool:
    """True for a consent whose provision has no exceptions."""
    return not data["provision"].get("provision")


def _is_own_to(data: Data, actor: str) -> bool:
    """True for a consent that the patient gave here to this one clinic; what a clinic wrote down stays as it is."""
    gave = [relative(str(each.get("reference", ""))) for each in data.get("performer", ())]
    is_whole = set(data["provision"]) <= {"type", "actor", "period"} and data["provision"].get("type") == "permit"
    is_given = gave == [relative(str(data["patient"]["reference"]))]
    return is_given and is_whole and is_about(data, CARE) and _actors(data) == [actor]


def _end(session: Session, store: Store, caller: Caller, data: Data) -> None:
    changed = resource.parsed({**data, "status": "inactive"})
    store.update(session, caller, "Consent", data["id"], changed, if_match=None)


def _consent(patient: MyPatient, *, now: datetime, scope: str, category: str, provision: Data) -> Data:
    person = {"reference": f"Patient/{patient.patient_id}"}
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": SCOPE, "code": scope}]},
        "category": [{"coding": [{"system": LOINC, "code": PATIENT_CONSENT}, {"system": CATEGORY, "code": category}]}],
        "patient": person,
        "dateTime": codec.instant(now),
        "performer": [person],
        "organization": [{"reference": f"Organization/{patient.tenant}"}],
        "policyRule": {"text": "Art. 6 (1) a, 9 (2) a GDPR"},
        "provision": provision,
    }


def _shown(data: Data, names: Mapping[str, str], *, now: datetime) -> CareConsent:
    provision = data.get("provision", {})
    holds = (
        data.get("status") == "active" and provision.get("type") == "permit" and end(provision.get("period", {})) > now
    )
    told = tuple(names.get(actor, "") for actor in _actors(data))
    until = _day(provision.get("period", {}).get("end"))
    return CareConsent(data["id"], tuple(filter(None, told)), _day(data.get("dateTime")), until, holds)


def _actors(data: Mapping[str, Any]) -> list[str]:
    return [_reference(actor) for actor in data.get("provision", {}).get("actor", ())]


def _reference(actor: Mapping[str, Any]) -> str:
    return relative(str(actor.get("reference", {}).get("reference", "")))


def _names(session: Session, store: Store, caller: Caller, actors: Iterable[str]) -> dict[str, str]:
    by_type: dict[str, set[str]] = {}
    for actor in actors:
        type, _, id = actor.partition("/")
        if type in ("Organization", "Practitioner", "HealthcareService") and id:
            by_type.setdefault(type, set()).add(id)
    return {
        f"{type}/{id}": resource.name(data)
        for type, ids in by_type.items()
        for id, data in by_id(session, store, caller, type=type, ids=ids).items()
    }


def _given(data: Mapping[str, Any]) -> str:
    return str(data.get("dateTime", ""))


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
