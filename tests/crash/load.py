"""The mixed load: several clients that create, update, patch and delete, by criteria too, in batches and transactions."""

import asyncio
import json
import random
from collections.abc import Callable
from itertools import count

import httpx

from tests.crash.ledger import SYSTEM, Change, Ledger, Operation, Resource, bundle, identified

CLIENTS = 6
FHIR = "application/fhir+json"
NUMBERS = count(1)
# A new client begins with a few creates, as there is nothing yet to change.
NEW = ("create", "create", "conditional")
CHANGES = ("update", "update", "matched", "patch", "delete", "transaction", "batch")


class Worker:
    """One client; only it changes what it made, so that it knows the state of each of its resources."""

    def __init__(self, http: httpx.AsyncClient, ledger: Ledger, draw: random.Random, go_on: Callable[[], bool]) -> None:
        self.http = http
        self.ledger = ledger
        self.draw = draw
        self.go_on = go_on
        self.mine: list[Change] = []

    async def run(self) -> None:
        """Nothing; works until the server is gone."""
        try:
            while self.go_on():
                await self._one(self.draw.choice(NEW + CHANGES))
        except httpx.TransportError:
            pass  # the request that was under way stays open in the ledger

    async def _one(self, kind: str) -> None:
        if kind in NEW or not self.mine:
            await self._create(conditional=kind == "conditional")
            return
        old = self.draw.choice(self.mine)
        change = self._next_of(old, deleting=kind == "delete")
        match kind:
            case "update":
                await self._update(change, f"/{change.type}/{change.id}")
            case "matched":
                await self._update(change, f"/{change.type}?{_criteria(old.marker)}")
            case "patch":
                await self._patch(change)
            case "delete":
                await self._delete(change)
            case "transaction":
                await self._transaction(change)
            case "batch":
                await self._batch(change)

    async def _create(self, *, conditional: bool) -> None:
        marker = f"new-{next(NUMBERS)}"
        change = Change("Patient", marker, identified(patient(), marker))
        more = {"If-None-Exist": _criteria(marker)} if conditional else {}
        self.ledger.sending((change,))
        answer = await self.http.post("/Patient", content=_bytes(change.sent), headers=more)
        self._heard(answer, (change,), good=201)

    async def _update(self, change: Change, address: str) -> None:
        self.ledger.sending((change,))
        more = {"If-Match": f'W/"{change.version - 1}"'}
        answer = await self.http.put(address, content=_bytes(change.sent), headers=more)
        self._heard(answer, (change,), good=200)

    async def _patch(self, change: Change) -> None:
        self.ledger.sending((change,))
        patch = [{"op": "replace", "path": "/identifier/0/value", "value": change.marker}]
        headers = {"Content-Type": "application/json-patch+json"}
        answer = await self.http.patch(f"/{change.type}/{change.id}", content=json.dumps(patch), headers=headers)
        self._heard(answer, (change,), good=200)

    async def _delete(self, change: Change) -> None:
        self.ledger.sending((change,))
        answer = await self.http.delete(f"/{change.type}/{change.id}")
        self._heard(answer, (change,), good=204)

    async def _transaction(self, update: Change) -> None:
        """A new patient, what was observed of it, and a change of what was there."""
        number = next(NUMBERS)
        person = Change("Patient", f"new-{number}", identified(patient(), f"new-{number}"))
        urn = f"urn:uuid:00000000-0000-4000-8000-{number:012}"
        about = Change(
            "Observation", f"seen-{number}", identified(observation(urn), f"seen-{number}"), links={urn: person}
        )
        match = {"ifMatch": f'W/"{update.version - 1}"'}
        sent = bundle(
            "transaction",
            [
                (urn, f"PUT Patient?{_criteria(person.marker)}", person, {}),
                ("", "POST Observation", about, {}),
                ("", f"PUT {update.type}/{update.id}", update, match),
            ],
        )
        await self._carried_out(sent, (person, about, update))

    async def _batch(self, update: Change) -> None:
        """Two new patients, one by criteria, and a change of what was there: each of them or not."""
        markers = [f"new-{next(NUMBERS)}" for _ in range(2)]
        one, other = (Change("Patient", marker, identified(patient(), marker)) for marker in markers)
        match = {"ifMatch": f'W/"{update.version - 1}"'}
        sent = bundle(
            "batch",
            [
                ("", "POST Patient", one, {}),
                ("", f"PUT {update.type}/{update.id}", update, match),
                ("", f"PUT Patient?{_criteria(other.marker)}", other, {}),
            ],
        )
        changes = (one, update, other)
        for change in changes:
            self.ledger.sending((change,))
        answer = await self.http.post("/", content=_bytes(sent))
        _require(answer.status_code, good=(200,))
        for change, entry in zip(changes, answer.json()["entry"], strict=True):
            _require(int(entry["response"]["status"][:3]), good=(200, 201))
            change.id = entry["response"]["location"].split("/")[-3]
            self._done((change,))

    async def _carried_out(self, sent: Resource, operation: Operation) -> None:
        self.ledger.sending(operation)
        self._heard(await self.http.post("/", content=_bytes(sent)), operation, good=200)

    def _heard(self, answer: httpx.Response, operation: Operation, *, good: int) -> None:
        _require(answer.status_code, good=(good,))
        if answer.request.url.path.endswith("/"):
            for change, entry in zip(operation, answer.json()["entry"], strict=True):
                change.id = entry["response"]["location"].split("/")[-3]
        elif answer.content:
            operation[0].id = answer.json()["id"]
        self._done(operation)

    def _done(self, operation: Operation) -> None:
        self.ledger.answered(operation)
        old = {change.id for change in operation}
        self.mine = [change for change in self.mine if change.id not in old]
        self.mine += [change for change in operation if change.sent is not None]

    @staticmethod
    def _next_of(change: Change, *, deleting: bool) -> Change:
        version, id = change.version + 1, change.id
        assert id is not None
        if deleting:
            return Change(change.type, f"{id}/{version}", None, id, version)
        marker = f"{id}-{version}"
        assert change.sent is not None
        body = identified(change.expected() or {}, marker) | {"id": id}
        return Change(change.type, marker, body, id, version)


async def until_killed(
    base: str, token: str, ledger: Ledger, *, draw: random.Random, after: int, kill: Callable[[], None]
) -> None:
    """Nothing; so many requests were begun, then something was killed while others were under way."""
    begun = count(1)

    def go_on() -> bool:
        number = next(begun)
        if number == after + CLIENTS:
            kill()
        return number < after + CLIENTS

    headers = {"Authorization": f"Bearer {token}", "Content-Type": FHIR}
    async with httpx.AsyncClient(base_url=f"{base}/fhir", headers=headers, timeout=60) as http:
        workers = [Worker(http, ledger, draw, go_on) for _ in range(CLIENTS)]
        present = ledger.present()
        for number, worker in enumerate(workers):
            worker.mine = present[number::CLIENTS]
        await asyncio.gather(*(worker.run() for worker in workers))


def _require(status: int, *, good: tuple[int, ...]) -> None:
    if status not in good:
        # Without its database a server can't do better.
        assert status == 503, status
        raise httpx.TransportError("the database is away")


def patient() -> Resource:
    """A made-up patient."""
    return {"resourceType": "Patient", "name": [{"family": "Absturz", "given": ["Ada"]}], "birthDate": "1951-03-14"}


def observation(patient: str) -> Resource:
    """Something observed of a patient."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": patient},
        "effectiveDateTime": "2026-11-23T10:00:00+01:00",
    }


def _criteria(marker: str) -> str:
    return f"identifier={SYSTEM}|{marker}"


def _bytes(resource: Resource | None) -> bytes:
    return json.dumps(resource).encode()
