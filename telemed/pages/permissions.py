"""What an app wants, in the words of whoever is asked: scopes as short sentences in the reader's language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from telemed.access.scopes import parse
from telemed.pages.languages import N_, translate

ACTS: Final[Mapping[str, str]] = {"c": N_("add"), "r": N_("see"), "s": N_("see"), "u": N_("change"), "d": N_("delete")}
ORDER: Final = "rscud"
NAMED: Final[Mapping[str, str]] = {
    "openid": N_("Know that it is the same person who signs in again"),
    "fhirUser": N_("Know which entry in the directory or record is yours"),
    "profile": N_("Know which entry in the directory or record is yours"),
    "launch": N_("Open with the patient you have chosen in the console"),
    "launch/patient": N_("Open with one patient"),
    "online_access": N_("Go on working for up to 12 hours while you stay signed in"),
    "offline_access": N_("Go on working for up to 12 hours, even after you have signed out"),
}
CHOOSE: Final = N_("Choose the patient whom this is about.")
TICK: Final = N_("Tick what the app may do, or choose “Do not allow”.")
# What goes on after somebody has signed out is a consent of its own.
LASTING: Final = "offline_access"
# The categories that scopes are narrowed by (http://terminology.hl7.org/CodeSystem/observation-category, condition-category).
CATEGORIES: Final[Mapping[str, str]] = {
    "vital-signs": N_("blood pressure, pulse, weight and other vital signs"),
    "laboratory": N_("laboratory results"),
    "imaging": N_("X-ray and other pictures"),
    "social-history": N_("habits and circumstances of life, such as smoking"),
    "survey": N_("answers to questions"),
    "exam": N_("results of examinations"),
    "procedure": N_("results of treatments"),
    "therapy": N_("results of therapies"),
    "activity": N_("movement and activity"),
    "problem-list-item": N_("lasting diagnoses"),
    "encounter-diagnosis": N_("diagnoses of single visits"),
}
OTHER_PART: Final = N_("a part that the app names in technical words: %(part)s")
EVERYTHING: Final = N_("Everything in the record")
TYPES: Final[Mapping[str, str]] = {
    "Patient": N_("Name, birth date and contact data"),
    "RelatedPerson": N_("Relatives and other close people"),
    "Practitioner": N_("Names of the staff"),
    "PractitionerRole": N_("Who works where and when"),
    "Organization": N_("Practices and clinics"),
    "Location": N_("Places and rooms"),
    "HealthcareService": N_("Services on offer"),
    "Schedule": N_("Calendars"),
    "Slot": N_("Free times"),
    "Appointment": N_("Appointments"),
    "AppointmentResponse": N_("Answers to appointments"),
    "Encounter": N_("Visits and consultations"),
    "EpisodeOfCare": N_("Periods of care"),
    "Condition": N_("Diagnoses and complaints"),
    "Observation": N_("Measurements and findings"),
    "Procedure": N_("Treatments and operations"),
    "AllergyIntolerance": N_("Allergies and intolerances"),
    "MedicationStatement": N_("Medicines being taken"),
    "MedicationRequest": N_("Prescriptions"),
    "Immunization": N_("Vaccinations"),
    "CarePlan": N_("Care plans"),
    "CareTeam": N_("Who takes part in the care"),
    "Goal": N_("Goals of the treatment"),
    "Task": N_("Tasks"),
    "ServiceRequest": N_("Referrals and orders"),
    "Communication": N_("Messages"),
    "CommunicationRequest": N_("Requests for messages"),
    "QuestionnaireResponse": N_("Answers to questionnaires"),
    "Questionnaire": N_("Questionnaires"),
    "DocumentReference": N_("Documents"),
    "Composition": N_("Contents of documents"),
    "Consent": N_("Consents"),
    "Provenance": N_("Who made which entry"),
    "AuditEvent": N_("Who looked at the record"),
    "Flag": N_("Warnings"),
    "Device": N_("Devices and implants"),
    "DeviceMetric": N_("Readings of devices"),
    "Binary": N_("Files"),
    "Bundle": N_("Collections of entries"),
    "OperationOutcome": N_("Technical messages"),
    "CapabilityStatement": N_("Technical descriptions"),
    "Group": N_("Groups of patients"),
    "Subscription": N_("Technical subscriptions"),
}


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that an app wants. `only` says to what it is narrowed; empty `acts` is a thing that is no entry.

    Without a box it comes with the rest: it opens nothing by itself.
    """

    scope: str
    what: str
    acts: str
    only: str
    of_patient: bool
    box: bool


def has_box(scope: str) -> bool:
    """True for what is only allowed by a tick of its own: entries of the record, and to go on after signing out."""
    return "." in scope or scope == LASTING


def permissions(scopes: Iterable[str], language: str) -> list[Permission]:
    """The scopes in words: what is seen and changed first, in the order in which they were asked for."""
    told = [_told(scope, language) for scope in scopes]
    return sorted(told, key=lambda one: (not one.acts, not one.box))


def _told(text: str, language: str) -> Permission:
    scope = parse(text)
    if scope is None:
        return Permission(text, translate(language, NAMED[text]), "", "", of_patient=False, box=has_box(text))
    acts = dict.fromkeys(translate(language, ACTS[letter]) for letter in ORDER if letter in scope.letters)
    what = translate(language, EVERYTHING if scope.type == "*" else TYPES[scope.type])
    only = "; ".join(_part(name, value, language=language) for name, value in parse_qsl(scope.query))
    return Permission(text, what, ", ".join(acts), only, scope.context == "patient", box=True)


def _part(name: str, value: str, *, language: str) -> str:
    """A condition of a search in words."""
    codes = [one.rpartition("|")[2] for one in value.split(",")]
    if name == "category" and all(code in CATEGORIES for code in codes):
        return ", ".join(translate(language, CATEGORIES[code]) for code in codes)
    return translate(language, OTHER_PART) % {"part": f"{name}={value}"}
