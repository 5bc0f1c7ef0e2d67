"""A random region behind a running service: clinics that write about each other's patients, and everything asked of it.

Each version of each resource carries a word of its own, so an answer shows what it was made from, wherever it shows it.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

from fhir import codec
from infra.caller import Caller, Role
from infra.problems import Problem
from telemed.services import Services
from tests.telemed.access import world as w
from tests.telemed.access.test_provisions import actors, of

Data = dict[str, Any]
WORD: Final = re.compile(r"mark-\d+-end")
NUMBERS: Final = count(1)
CLASSES: Final = ("Observation", "Communication", "Patient", "Encounter")


@dataclass
class Region:
    """What was made, by reference; `about` says whose record a resource names."""

    services: Services
    dice: random.Random
    tenants: list[str] = field(default_factory=list)
    homes: dict[str, str] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    async def fill(self) -> None:
        """Three clinics, three patients, what was written about them, who was let in and what was denied."""
        self.tenants = [f"clinic-{next(NUMBERS)}" for _ in range(3)]
        for tenant in self.tenants:
            await self.write(tenant, {"resourceType": "Organization", "id": tenant, "name": self.word()})
        for tenant in self.tenants:
            patient = await self.write(tenant, {"resourceType": "Patient", "name": [{"family": self.word()}]})
            self.homes[patient or ""] = tenant
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

    async def write(self, tenant: str, data: Data) -> str | None:
        """The reference of a new resource, as the clinic's system."""
        parsed = codec.parse(json.dumps(data).encode(), type=None)
        store = self.services.record if data["resourceType"] == "Appointment" else self.services.store
        stored = await self.services.database.write(
            lambda session: store.create(session, w.system(tenant), parsed, id=data.get("id"))
        )
        self.made.append(stored.reference)
        return stored.reference

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

    def caller(self) -> Caller:
        """Somebody of any role, with scopes wide or narrow."""
        role, tenant = self.dice.choice([*Role, Role.SYSTEM, Role.SYSTEM, Role.PHYSICIAN]), self.tenant()
        context = {Role.SYSTEM: "system", Role.PATIENT: "patient"}.get(role, "user")
        wide, narrow = f"{context}/*.cruds", f"{context}/{self.dice.choice(CLASSES)}.rs"
        scopes = frozenset({self.dice.choice([wide, wide, f"{context}/*.rs", narrow])})
        patient = ""
        if role is Role.PATIENT:
            reference, tenant = self.dice.choice(list(self.homes.items()))
            patient = reference.removeprefix("Patient/")
        return Caller(tenant, f"{tenant}-somebody", role, scopes, patient=patient)

    def questions(self) -> Iterator[tuple[str, str, Data | list[Data] | None, dict[str, str]]]:
        """Method, address, body and headers of everything that can be asked about one resource and one patient."""
        reference, patient = self.dice.choice(self.made), self.patient()
        type, id = reference.split("/")
        for path in ("", "/_history", "/_history/1", "/_history/2", "/$meta"):
            yield "GET", f"{reference}{path}", None, {}
        for path in (type, f"{type}/_history", "_history", f"{type}?_summary=count", f"{type}?_id={id}", "AuditEvent"):
            yield "GET", path, None, {}
        yield "GET", f"{type}?_sort=-_lastUpdated&_count=3&_total=accurate", None, {}
        yield "GET", f"{patient}/$everything", None, {}
        yield "GET", f"AuditEvent?entity={reference}", None, {}
        yield "GET", f"Observation?subject:Patient.family={self.word()[:5]}", None, {}
        yield "GET", "Observation?subject:Patient._id=" + patient.partition("/")[2], None, {}
        yield "GET", "Patient?_has:Observation:subject:status=final", None, {}
        yield "GET", "Patient?_has:Communication:subject:status=completed&_summary=count", None, {}
        yield "GET", "Observation?_include=*&_include:iterate=*", None, {}
        yield "GET", "Task?_include=Task:focus&_include=Task:patient", None, {}
        yield "GET", "Patient?_revinclude=Observation:subject&_revinclude=Communication:subject", None, {}
        yield "GET", "Organization?_revinclude=CareTeam:participant&_revinclude=Consent:actor", None, {}
        yield "POST", f"{type}/$validate", {"resourceType": type, "id": id}, {}
        yield (
            "POST",
            "Appointment/$find",
            {"resourceType": "Parameters", "parameter": [_ref("patient-reference", patient)]},
            {},
        )
        yield (
            "POST",
            "Appointment/$cancel",
            {"resourceType": "Parameters", "parameter": [_ref("appointment-reference", reference)]},
            {},
        )
        asked = [reference, f"{type}?_id={id}", f"{patient}/$everything", f"{reference}/_history"]
        for kind in ("batch", "transaction"):
            entries = [{"request": {"method": "GET", "url": url}} for url in asked[: 4 if kind == "batch" else 2]]
            yield "POST", "", {"resourceType": "Bundle", "type": kind, "entry": entries}, {}
        yield (
            "POST",
            "Task",
            self.entry(patient) | {"resourceType": "Task", "status": "draft", "intent": "order"},
            {"If-None-Exist": f"_id={id}"},
        )
        yield "PUT", f"Patient?_id={id}", {"resourceType": "Patient"}, {}
        yield "DELETE", f"Communication?_id={id}", None, {}
        yield "PATCH", reference, [{"op": "test", "path": "/id", "value": "x"}], {"If-Match": 'W/"7"'}
        yield "PUT", reference, {"resourceType": type, "id": id}, {"If-Match": 'W/"7"'}


def _ref(name: str, to: str) -> Data:
    return {"name": name, "valueReference": {"reference": to}}
