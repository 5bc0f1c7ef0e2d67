"""A random region behind a running service: clinics that write about each other's patients, and everything asked of it.

Each version of each resource carries a word of its own, so an answer shows what it was made from, wherever it shows it.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from typing import Any, Final

from fhir import codec, compartments
from fhir.store import Store
from fhir.tables import Restriction
from infra.caller import Caller, Role
from infra.problems import Problem
from telemed.access.one_record import OneRecord
from telemed.mydata.record import CHANGEABLE
from telemed.services import Services
from tests.telemed.access import world as w
from tests.telemed.access.test_provisions import actors, of

Data = dict[str, Any]
WORD: Final = re.compile(r"mark-\d+-end")
NUMBERS: Final = count(1)
CLASSES: Final = ("Observation", "Communication", "Patient", "Encounter")
BORN: Final = "1962-05-17"
Question = tuple[str, str, Data | list[Data] | None, dict[str, str]]


@dataclass
class Region:
    """What was made, by reference; `about` says whose record a resource names."""

    services: Services
    dice: random.Random
    tenants: list[str] = field(default_factory=list)
    homes: dict[str, str] = field(default_factory=dict)
    families: dict[str, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    async def fill(self) -> None:
        """Three clinics, three patients, what was written about them, who was let in and what was denied."""
        self.tenants = [f"clinic-{next(NUMBERS)}" for _ in range(3)]
        for tenant in self.tenants:
            await self.write(tenant, {"resourceType": "Organization", "id": tenant, "name": self.word()})
        for tenant in self.tenants:
            family = self.word()
            person = {"resourceType": "Patient", "name": [{"family": family}], "birthDate": BORN}
            patient = await self.write(tenant, person)
            self.homes[patient], self.families[patient] = tenant, family
        for _ in range(10):
            patient = self.patient()
            await self.write(self.writer(patient), self.source(patient))
        for patient, home in self.homes.items():
            # Whoever is denied something was let in before: otherwise nothing would show.
            whom = f"Organization/{self.tenant()}"
            await self.write(home, w.care_team(patient, whom))
            denial: Data = {"type": "deny", "class": of(*CLASSES[:2])}
            await self.write(home, w.consent(patient, whom, **denial))
        for _ in range(14):
            patient = self.patient()
            await self.write(self.writer(patient), self.entry(patient))
        for reference in self.dice.sample(self.made, 6):
            await self.change(reference)
        if self.dice.random() < 0.5:
            await self.restrict(self.patient())

    def tenant(self) -> str:
        """One of the clinics."""
        return self.dice.choice(self.tenants)

    def patient(self) -> str:
        """The reference of one of the patients."""
        return self.dice.choice(list(self.homes))

    def writer(self, patient: str) -> str:
        """Whoever writes about the patient: mostly their own clinic."""
        return self.homes[patient] if self.dice.random() < 0.7 else self.tenant()

    def word(self) -> str:
        """A word that stands nowhere else."""
        return f"mark-{next(NUMBERS)}-end"

    def entry(self, patient: str) -> Data:
        """A clinical entry about a patient, beside some other entry."""
        subject, other = {"reference": patient}, {"reference": self.dice.choice(self.made)}
        code = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
        return self.dice.choice(
            [
                {"resourceType": "Observation", "status": "final", "code": code, "subject": subject}
                | {"valueString": self.word(), "focus": [other]},
                {"resourceType": "Communication", "status": "completed", "subject": subject, "about": [other]}
                | {"payload": [{"contentString": self.word()}]},
                {"resourceType": "Task", "status": "requested", "intent": "order", "for": subject}
                | {"focus": other, "description": self.word()},
                {"resourceType": "Encounter", "status": "finished", "class": {"code": "VR"}, "subject": subject}
                | {"type": [{"text": self.word()}]},
            ]
        )

    def source(self, patient: str) -> Data:
        """A resource that lets a clinic in, or denies it something."""
        whom, hours = f"Organization/{self.tenant()}", self.dice.choice([-1, 1])
        now = datetime.now(UTC)
        part = {"class": of(self.dice.choice(CLASSES))} if self.dice.random() < 0.6 else {}
        nested = {"type": "permit", "actor": actors(f"Organization/{self.tenant()}")} | part
        provision: Data = self.dice.choice(
            [{"type": "deny"}, {"type": "deny", "actor": [], "provision": [nested]}, part]
        )
        begins = (now + timedelta(hours=self.dice.choice([-1, -1, 1]))).isoformat()
        made = self.dice.choice(
            [
                w.care_team(patient, whom, period={"end": (now + timedelta(hours=hours)).isoformat()}),
                w.care_team(patient, whom, period={"start": begins}),
                w.appointment(patient, whom, at=now),
                w.referral(patient, whom),
                w.consent(patient, whom, **provision),
                w.consent(patient, whom, **provision),
            ]
        )
        noted = {"note": [{"text": self.word()}]} if made["resourceType"] in ("CareTeam", "ServiceRequest") else {}
        return made | noted

    async def write(self, tenant: str, data: Data) -> str:
        """The reference of a new resource, as the clinic's system."""
        parsed = codec.parse(json.dumps(data).encode(), type=None)
        store = self.services.record if data["resourceType"] == "Appointment" else self.services.store
        stored = await self.services.database.write(
            lambda session: store.create(session, w.system(tenant), parsed, id=data.get("id"))
        )
        self.made.append(stored.reference)
        return stored.reference

    async def restrict(self, patient: str) -> None:
        """The patient's record is kept and no more; then it lets somebody in again, or does not."""
        compartment = compartments.pseudonym(self.services.vault, patient.partition("/")[2])
        now = self.services.clock.now()
        kept = Restriction(compartment=compartment, since=now, until=now + timedelta(days=self.dice.choice([-1, 9, 9])))
        await self.services.database.write(lambda session: session.add(kept))
        word = codec.parse(json.dumps(w.consent(patient, f"Organization/{self.tenant()}")).encode(), type="Consent")
        me = Caller(self.homes[patient], "me", Role.PATIENT, frozenset())
        clock = self.services.clock
        policy = OneRecord(compartment, Role.PATIENT, clock.now, CHANGEABLE)
        own = Store(self.services.vault, policy, clock, self.services.store.hooks)
        self.made.append((await self.services.database.write(lambda s: own.create(s, me, word))).reference)

    async def change(self, reference: str) -> None:
        """The resource is deleted, or about another patient in its next version."""
        type, id = reference.split("/")
        caller = w.system(self.tenant())
        try:
            if self.dice.random() < 0.3 and type not in ("Patient", "Organization"):
                await self.services.database.write(lambda s: self.services.store.delete(s, caller, type, id))
                return
            old = await self.services.database.write(lambda s: self.services.store.read(s, caller, type, id))
            moved = WORD.sub(self.word(), old.body.decode())
            parsed = codec.parse(moved.replace(self.patient(), self.patient()).encode(), type=type)
            await self.services.database.write(
                lambda s: self.services.store.update(s, caller, type, id, parsed, if_match=None)
            )
        except Problem:
            return

    def caller(self, role: Role, *, place: int, breadth: str) -> Caller:
        """Somebody of this role in one of the clinics, with scopes `wide`, for `looking` alone, or `narrow`."""
        context = {Role.SYSTEM: "system", Role.PATIENT: "patient"}.get(role, "user")
        scope = {"wide": "*.cruds", "looking": "*.rs", "narrow": f"{self.dice.choice(CLASSES)}.rs"}[breadth]
        tenant, patient = self.tenants[place], ""
        if role is Role.PATIENT:
            reference, tenant = list(self.homes.items())[place]
            patient = reference.removeprefix("Patient/")
        return Caller(tenant, f"{tenant}-somebody", role, frozenset({f"{context}/{scope}"}), patient=patient)

    def pages(self) -> Iterator[Question]:
        """The console's pages about one appointment, or about something that is none."""
        appointments = [reference for reference in self.made if reference.startswith("Appointment/")]
        for path in ("/console", "/console/waiting", "/console/emergency/reviews"):
            yield "GET", path, None, {}
        for reference in (self.dice.choice(appointments or self.made), self.dice.choice(self.made)):
            for path in ("", "/looks", "/apps", "/person", "/codes"):
                yield "GET", f"/console/visits/{reference.partition('/')[2]}{path}", None, {}

    def questions(self) -> Iterator[Question]:
        """Everything that can be asked about one resource and one patient, under /fhir."""
        for method, path, body, headers in chain(self.readings(), self.operations(), self.changes()):
            yield method, f"/fhir/{path}".rstrip("/"), body, headers

    def readings(self) -> Iterator[Question]:
        """Reads, versions, searches, counts, includes."""
        reference, patient = self.dice.choice(self.made), self.patient()
        type, id = reference.split("/")
        for path in ("", "/_history", "/_history/1", "/_history/2", "/$meta"):
            yield "GET", f"{reference}{path}", None, {}
        for path in (type, f"{type}/_history", "_history", f"{type}?_summary=count", f"{type}?_id={id}", "AuditEvent"):
            yield "GET", path, None, {}
        for path in (
            f"{type}?_sort=-_lastUpdated&_count=3&_total=accurate",
            f"{patient}/$everything",
            f"AuditEvent?entity={reference}",
            f"Observation?subject:Patient.family={self.word()[:5]}",
            "Observation?subject:Patient._id=" + patient.partition("/")[2],
            "Patient?_has:Observation:subject:status=final",
            "Patient?_has:Communication:subject:status=completed&_summary=count",
            "Observation?_include=*&_include:iterate=*",
            "Task?_include=Task:focus&_include=Task:patient",
            "Patient?_revinclude=Observation:subject&_revinclude=Communication:subject",
            "Organization?_revinclude=CareTeam:participant&_revinclude=Consent:actor",
        ):
            yield "GET", path, None, {}
        asked = [reference, f"{type}?_id={id}", f"{patient}/$everything", f"{reference}/_history"]
        for kind in ("batch", "transaction"):
            entries = [{"request": {"method": "GET", "url": url}} for url in asked[: 4 if kind == "batch" else 2]]
            yield "POST", "", {"resourceType": "Bundle", "type": kind, "entry": entries}, {}

    def operations(self) -> Iterator[Question]:
        """The operations of booking and of persons, and validation."""
        reference, patient, clinic = self.dice.choice(self.made), self.patient(), f"Organization/{self.tenant()}"
        type, id = reference.split("/")
        yield "POST", f"{type}/$validate", {"resourceType": type, "id": id}, {}
        alike = {"resourceType": "Patient", "name": [{"family": self.families[patient]}], "birthDate": BORN}
        yield "POST", "Patient/$match", _parameters({"name": "resource", "resource": alike}), {}
        about, appointment = _ref("patient-reference", patient), _ref("appointment-reference", reference)
        yield "POST", "Appointment/$find", _parameters(about), {}
        yield "POST", "Appointment/$hold", _parameters(about, appointment), {}
        yield "POST", "Appointment/$book", _parameters(appointment), {}
        proposed = w.appointment(patient, clinic, status="proposed", at=datetime.now(UTC))
        yield "POST", "Appointment/$book", _parameters({"name": "appt-resource", "resource": proposed}), {}
        yield "POST", "Appointment/$cancel", _parameters(appointment), {}
        yield "POST", "Patient/$link", _parameters(_ref("patient", patient), _ref("organization", clinic)), {}
        yield "POST", "Patient/$unlink", _parameters(_ref("patient", patient), _ref("organization", clinic)), {}
        ends = _ref("source-patient", patient), _ref("target-patient", self.patient())
        yield "POST", "Patient/$merge", _parameters(*ends, {"name": "preview", "valueBoolean": True}), {}

    def changes(self) -> Iterator[Question]:
        """Writes that would change nothing, or something that was already the caller's."""
        reference, patient = self.dice.choice(self.made), self.patient()
        type, id = reference.split("/")
        task = self.entry(patient) | {"resourceType": "Task", "status": "draft", "intent": "order"}
        yield "POST", "Task", task, {"If-None-Exist": f"_id={id}"}
        yield "PUT", f"Patient?_id={id}", {"resourceType": "Patient"}, {}
        yield "DELETE", f"Communication?_id={id}", None, {}
        yield "PATCH", reference, [{"op": "test", "path": "/id", "value": "x"}], {"If-Match": 'W/"7"'}
        yield "PUT", reference, {"resourceType": type, "id": id}, {"If-Match": 'W/"7"'}


def _parameters(*given: Data) -> Data:
    return {"resourceType": "Parameters", "parameter": list(given)}


def _ref(name: str, to: str) -> Data:
    return {"name": name, "valueReference": {"reference": to}}
