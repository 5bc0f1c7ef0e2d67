"""What an app wants, in the words of whoever is asked: scopes as short sentences in the reader's language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

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
    """One thing that an app wants. `only` is the search that narrows it; empty `acts` is a thing that is no entry."""

    scope: str
    what: str
    acts: str
    only: str
    of_patient: bool


def permissions(scopes: Iterable[str], language: str) -> list[Permission]:
    """The scopes in words: what is seen and changed first, in the order in which they were asked for."""
    told = [_told(scope, language) for scope in scopes]
    return sorted(told, key=lambda one: not one.acts)


def _told(text: str, language: str) -> Permission:
    scope = parse(text)
    if scope is None:
        return Permission(text, translate(language, NAMED[text]), "", "", of_patient=False)
    acts = dict.fromkeys(translate(language, ACTS[letter]) for letter in ORDER if letter in scope.letters)
    what = translate(language, EVERYTHING if scope.type == "*" else TYPES[scope.type])
    return Permission(text, what, ", ".join(acts), scope.query, scope.context == "patient")
