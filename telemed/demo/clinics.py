"""The demo's clinics, care services and practitioners. All are invented."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from infra.caller import Role
from telemed.demo.names import family_name, given_name
from telemed.schedules.resource import SLOT_MINUTES

PRACTITIONERS: Final = 60
SPECIALTY: Final = "https://telemed.example/fhir/CodeSystem/specialty"
SPECIALTIES: Final = {
    "general": "Allgemeinmedizin",
    "dermatology": "Dermatologie",
    "paediatrics": "Kinder- und Jugendmedizin",
    "psychiatry": "Psychiatrie",
    "cardiology": "Kardiologie",
    "nursing": "Pflege",
}
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Clinic:
    """A clinic or care service: its Organization's id, invented name, town, and specialties in order of staffing."""

    id: str
    name: str
    town: str
    ags: str
    postal_code: str
    specialties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clinician:
    """Somebody who works at a clinic, and the schedule of their work."""

    id: str
    clinic: Clinic
    family: str
    given: str
    gender: str
    specialty: str

    @property
    def role(self) -> Role:
        """What the clinician may do in the console."""
        return Role.NURSE if self.specialty == "nursing" else Role.PHYSICIAN

    @property
    def name(self) -> str:
        """How the clinician is addressed."""
        return f"{self.given} {self.family}" if self.role is Role.NURSE else f"Dr. {self.given} {self.family}"

    @property
    def role_id(self) -> str:
        """The id of the PractitionerRole."""
        return self.id.replace("practitioner", "role")

    @property
    def schedule_id(self) -> str:
        """The id of the Schedule."""
        return self.id.replace("practitioner", "schedule")


_GENERAL = ("general",)
CLINICS: Final = tuple(
    Clinic(f"demo-clinic-{number:02}", *facts)
    for number, facts in enumerate(
        (
            ("Praxis Musterhof Gettorf", "Gettorf", "01058058", "24214", (*_GENERAL, "paediatrics")),
            ("Hausärzte Beispielkai Kiel", "Kiel", "01002000", "24103", (*_GENERAL, "general", "psychiatry")),
            ("Hautzentrum Probeförde Kiel", "Kiel", "01002000", "24105", ("dermatology",)),
            ("Herzpraxis Fabelsteg Kiel", "Kiel", "01002000", "24114", ("cardiology",)),
            ("Kinderpraxis Demohafen Kiel", "Kiel", "01002000", "24143", ("paediatrics",)),
            ("Seelenpraxis Scheinufer Kiel", "Kiel", "01002000", "24116", ("psychiatry",)),
            ("Hausärzte Musterteich Neumünster", "Neumünster", "01004000", "24534", (*_GENERAL, "cardiology")),
            ("Hautpraxis Beispielheide Neumünster", "Neumünster", "01004000", "24536", ("dermatology",)),
            ("Praxis Probekanal Rendsburg", "Rendsburg", "01058135", "24768", (*_GENERAL, "psychiatry")),
            ("Pflegedienst Fabelbrücke Rendsburg", "Rendsburg", "01058135", "24768", ("nursing",)),
            ("Praxis Demosee Plön", "Plön", "01057057", "24306", (*_GENERAL, "dermatology")),
            ("Pflegedienst Scheinwald Plön", "Plön", "01057057", "24306", ("nursing",)),
            ("Praxis Musterdüne Schönberg", "Schönberg (Holstein)", "01057073", "24217", _GENERAL),
            ("Pflegedienst Beispielstrand Schönberg", "Schönberg (Holstein)", "01057073", "24217", ("nursing",)),
        ),
        start=1,
    )
)


def clinicians(random: Random) -> tuple[Clinician, ...]:
    """The demo's practitioners, spread over the clinics in turn; the first of each clinic has its first specialty."""
    made = []
    for number in range(PRACTITIONERS):
        clinic = CLINICS[number % len(CLINICS)]
        specialty = clinic.specialties[number // len(CLINICS) % len(clinic.specialties)]
        gender = random.choice(("female", "male"))
        identity = f"demo-practitioner-{number + 1:02}"
        made.append(Clinician(identity, clinic, family_name(random), given_name(random, gender), gender, specialty))
    return tuple(made)


def resources(clinic: Clinic) -> Iterator[Resource]:
    """The clinic as FHIR: Organization, Location and HealthcareService."""
    address = {"city": clinic.town, "postalCode": clinic.postal_code, "country": "DE"}
    organization = {"reference": f"Organization/{clinic.id}", "display": clinic.name}
    yield {
        "resourceType": "Organization",
        "id": clinic.id,
        "active": True,
        "name": clinic.name,
        "telecom": [{"system": "phone", "value": "0431 0000000"}],
        "address": [address],
    }
    yield {
        "resourceType": "Location",
        "id": clinic.id.replace("clinic", "room"),
        "status": "active",
        "name": f"Videosprechzimmer, {clinic.name}",
        "address": address,
        "managingOrganization": organization,
    }
    yield {
        "resourceType": "HealthcareService",
        "id": clinic.id.replace("clinic", "service"),
        "active": True,
        "providedBy": organization,
        "name": f"Videosprechstunde, {clinic.name}",
        "specialty": [_concept(specialty) for specialty in clinic.specialties],
    }


def staff(clinician: Clinician, *, number: int) -> Iterator[Resource]:
    """The clinician as FHIR: Practitioner, PractitionerRole with opening hours, and a Schedule managed here."""
    start = ("08:00:00", "09:00:00", "13:00:00")[number % 3]
    end = ("12:00:00", "13:00:00", "18:00:00")[number % 3]
    yield {
        "resourceType": "Practitioner",
        "id": clinician.id,
        "active": True,
        "name": [{"family": clinician.family, "given": [clinician.given], "text": clinician.name}],
        "gender": clinician.gender,
    }
    yield {
        "resourceType": "PractitionerRole",
        "id": clinician.role_id,
        "active": True,
        "practitioner": {"reference": f"Practitioner/{clinician.id}", "display": clinician.name},
        "organization": {"reference": f"Organization/{clinician.clinic.id}"},
        "specialty": [_concept(clinician.specialty)],
        "availableTime": [
            {
                "daysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
                "availableStartTime": start,
                "availableEndTime": end,
            }
        ],
    }
    yield {
        "resourceType": "Schedule",
        "id": clinician.schedule_id,
        "extension": [{"url": SLOT_MINUTES, "valuePositiveInt": 20}],
        "active": True,
        "specialty": [_concept(clinician.specialty)],
        "actor": [
            {"reference": f"PractitionerRole/{clinician.role_id}"},
            {"reference": f"Practitioner/{clinician.id}", "display": clinician.name},
        ],
    }


def _concept(specialty: str) -> Resource:
    text = SPECIALTIES[specialty]
    return {"coding": [{"system": SPECIALTY, "code": specialty, "display": text}], "text": text}
