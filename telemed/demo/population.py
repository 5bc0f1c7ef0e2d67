"""The whole demo population, the same for the same seed, number and day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Final

from telemed.demo import care
from telemed.demo.clinics import CLINICS, Clinician, Resource, clinicians, resources, staff
from telemed.demo.people import Person, patient, people

SEED: Final = 20261123
ENCOUNTERS_PER_PERSON: Final = 3


@dataclass(frozen=True, slots=True)
class Population:
    """Clinics, staff and persons of one demo; the resources are made as they are asked for."""

    staff: tuple[Clinician, ...]
    persons: tuple[Person, ...]
    now: datetime
    seed: int = SEED

    @classmethod
    def made_up(cls, count: int, *, now: datetime, seed: int = SEED) -> "Population":
        """A population of so many persons, as of a day."""
        random = Random(seed)
        return cls(clinicians(random), tuple(people(random, count, today=now.date())), now, seed)

    def institutions(self) -> Iterator[tuple[str, Resource]]:
        """Clinics and staff as (tenant, resource)."""
        for clinic in CLINICS:
            for resource in resources(clinic):
                yield clinic.id, resource
        for number, clinician in enumerate(self.staff):
            for resource in staff(clinician, number=number):
                yield clinician.clinic.id, resource

    def patients(self) -> Iterator[tuple[str, Resource]]:
        """Every person's Patient at every clinic of theirs, and their consent, as (tenant, resource)."""
        random = Random(f"{self.seed}:consents")
        for person in self.persons:
            for clinic in person.clinics:
                yield clinic.id, patient(person, clinic)
            for consent in care.consents(random, person, now=self.now):
                yield person.clinics[0].id, consent

    def willing(self) -> frozenset[int]:
        """The numbers of the persons who let their data count in statistics."""
        random = Random(f"{self.seed}:consents")
        answers = ((p.number, list(care.consents(random, p, now=self.now))) for p in self.persons)
        return frozenset(n for n, given in answers if any(c["provision"]["type"] == "permit" for c in given))

    def encounters(self) -> Iterator[tuple[str, Resource]]:
        """Three encounters a person on average, and the bookings of those of the last months, as (tenant, resource)."""
        # Dice of their own, so that the encounters are the same with and without them.
        random, bookings = Random(f"{self.seed}:encounters"), Random(f"{self.seed}:bookings")
        by_clinic: dict[str, list[Clinician]] = {clinic.id: [] for clinic in CLINICS}
        for clinician in self.staff:
            by_clinic[clinician.clinic.id].append(clinician)
        count = ENCOUNTERS_PER_PERSON * len(self.persons)
        visitors = care.visitors(random, list(self.persons), count=count, today=self.now.date())
        for number, person in enumerate(visitors, start=1):
            team = by_clinic[random.choice(person.clinics).id]
            resource = care.encounter(random, number, person=person, staff=team, now=self.now)
            yield team[0].clinic.id, resource
            booked = care.booking(bookings, resource, now=self.now)
            if booked is not None:
                yield team[0].clinic.id, booked

    def lasting(self) -> Iterator[tuple[str, Resource]]:
        """What some of the persons live with, as (tenant, resource)."""
        random = Random(f"{self.seed}:lasting")
        for person in self.persons:
            found = care.lasting(random, person, today=self.now.date())
            if found is not None:
                yield person.clinics[0].id, found

    def everything(self) -> Iterator[tuple[str, Any]]:
        """All of it, in an order in which nothing refers to something that is not there yet."""
        yield from self.institutions()
        yield from self.patients()
        yield from self.lasting()
        yield from self.encounters()
