"""The demo's patients: ages and places as in the region, names and insurance numbers that nobody has."""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from typing import Any, Final

from anonymise.municipalities import Municipality, municipality_table
from fhir.insurance import KVNR, MADE_UP, check_digit
from telemed.demo.clinics import CLINICS, Clinic
from telemed.demo.names import family_name, given_name

AGS: Final = "http://fhir.de/sid/destatis/ags"
AGS_EXTENSION: Final = "http://fhir.de/StructureDefinition/destatis/ags"
# Persons of each ten-year age band per 100, about as in Schleswig-Holstein (rounded; the last band is 90 and over).
AGE_BANDS: Final = (9, 9, 11, 12, 12, 14, 14, 10, 8, 1)
# Somebody in four is a patient near home, the others anywhere in the region; some are registered twice or three times.
NEAR: Final = 0.25
SECOND_CLINIC: Final = 0.08
THIRD_CLINIC: Final = 0.1
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up person and the clinics where they are registered."""

    number: int
    family: str
    given: str
    gender: str
    birth_date: date
    home: Municipality
    clinics: tuple[Clinic, ...]

    def patient_id(self, clinic: Clinic) -> str:
        """The id of this person's Patient at one clinic."""
        return f"demo-patient-{self.number:06}-{clinic.id[-2:]}"

    def age(self, today: date) -> int:
        """Age in years."""
        before_birthday = (today.month, today.day) < (self.birth_date.month, self.birth_date.day)
        return today.year - self.birth_date.year - before_birthday

    @property
    def insurance_number(self) -> str:
        """A KVID-10 whose check digit is wrong, so that it can't be anybody's."""
        body = f"{chr(65 + self.number % 26)}{self.number:08}"
        return f"{body}{(check_digit(body) + MADE_UP) % 10}"


def people(random: Random, count: int, *, today: date) -> Iterator[Person]:
    """So many persons, spread over the municipalities by population and over the ages."""
    places = municipality_table()
    running = list(accumulate(place.population for place in places))
    ages = list(accumulate(AGE_BANDS))
    near = {place.ags: [clinic for clinic in CLINICS if clinic.ags[:5] == place.ags[:5]] for place in places}
    for number in range(1, count + 1):
        place = places[bisect(running, random.randrange(running[-1]))]
        gender = random.choice(("female", "male"))
        birth_date = today - timedelta(days=int((bisect(ages, random.randrange(100)) + random.random()) * 3652.5))
        clinics = _clinics(random, near[place.ags] or list(CLINICS))
        yield Person(number, family_name(random), given_name(random, gender), gender, birth_date, place, clinics)


def _clinics(random: Random, near: list[Clinic]) -> tuple[Clinic, ...]:
    drawn = random.random()
    wanted = 1 + (drawn < SECOND_CLINIC) + (drawn < SECOND_CLINIC * THIRD_CLINIC)
    chosen: dict[str, Clinic] = {}
    while len(chosen) < wanted:
        clinic = random.choice(near if random.random() >= NEAR else CLINICS)
        chosen[clinic.id] = clinic
    return tuple(chosen.values())


def patient(person: Person, clinic: Clinic) -> Resource:
    """The person as one clinic's Patient."""
    return {
        "resourceType": "Patient",
        "id": person.patient_id(clinic),
        "identifier": [{"system": KVNR, "value": person.insurance_number}],
        "active": True,
        "name": [{"use": "official", "family": person.family, "given": [person.given]}],
        "telecom": [{"system": "email", "value": f"person-{person.number:06}@patient.example"}],
        "gender": person.gender,
        "birthDate": person.birth_date.isoformat(),
        "address": [
            {
                "extension": [{"url": AGS_EXTENSION, "valueCoding": {"system": AGS, "code": person.home.ags}}],
                "city": person.home.name,
                "country": "DE",
            }
        ],
        "managingOrganization": {"reference": f"Organization/{clinic.id}"},
    }
