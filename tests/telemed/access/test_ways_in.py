"""By whatever interaction a source of access is written, about a stranger it opens and closes nothing."""

import json
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import httpx
import pytest

from tests.telemed.access import world as w
from tests.telemed.service import Service
from tests.telemed.test_isolation import body, made, patient

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
Data = dict[str, Any]
Way = Callable[[httpx.AsyncClient, Data, Data], Awaitable[httpx.Response]]
NUMBERS = count(1)


async def created(client: httpx.AsyncClient, _own: Data, foreign: Data) -> httpx.Response:
    """By a create."""
    return await client.post(f"/fhir/{foreign['resourceType']}", content=body(foreign))


async def in_a_transaction(client: httpx.AsyncClient, _own: Data, foreign: Data) -> httpx.Response:
    """By a transaction."""
    return await _bundled(client, foreign, "transaction", {"method": "POST", "url": foreign["resourceType"]})


async def in_a_batch(client: httpx.AsyncClient, _own: Data, foreign: Data) -> httpx.Response:
    """By a batch."""
    return await _bundled(client, foreign, "batch", {"method": "POST", "url": foreign["resourceType"]})


async def updated(client: httpx.AsyncClient, own: Data, foreign: Data) -> httpx.Response:
    """By moving one about an own patient."""
    id = await made(client, own)
    return await client.put(f"/fhir/{own['resourceType']}/{id}", content=body(foreign | {"id": id}))


async def updated_in_a_transaction(client: httpx.AsyncClient, own: Data, foreign: Data) -> httpx.Response:
    """By moving one in a transaction."""
    id = await made(client, own)
    request = {"method": "PUT", "url": f"{own['resourceType']}/{id}"}
    return await _bundled(client, foreign | {"id": id}, "transaction", request)


async def conditionally_updated(client: httpx.AsyncClient, own: Data, foreign: Data) -> httpx.Response:
    """By moving whichever has a number."""
    number = {"system": "https://praxis.example/own", "value": str(next(NUMBERS))}
    await made(client, own | {"identifier": [number]})
    path = f"/fhir/{own['resourceType']}?identifier={number['system']}|{number['value']}"
    return await client.put(path, content=body(foreign | {"identifier": [number]}))


async def patched(client: httpx.AsyncClient, own: Data, foreign: Data) -> httpx.Response:
    """By a patch of each element that differs."""
    id = await made(client, own)
    steps = [{"op": "replace", "path": f"/{key}", "value": foreign[key]} for key in foreign if foreign[key] != own[key]]
    headers = {"Content-Type": "application/json-patch+json"}
    return await client.patch(f"/fhir/{own['resourceType']}/{id}", content=json.dumps(steps), headers=headers)


async def conditionally_created(client: httpx.AsyncClient, _own: Data, foreign: Data) -> httpx.Response:
    """By a create of what is not there yet."""
    headers = {"If-None-Exist": "identifier=https://praxis.example/own|absent"}
    return await client.post(f"/fhir/{foreign['resourceType']}", content=body(foreign), headers=headers)


WAYS: list[Way] = [
    created,
    in_a_transaction,
    in_a_batch,
    updated,
    updated_in_a_transaction,
    conditionally_updated,
    patched,
    conditionally_created,
]


@pytest.mark.parametrize("way", WAYS)
async def test_no_way_of_writing_about_a_stranger_opens_or_closes_anything(service: Service, way: Way) -> None:
    owner, friend, stranger = [await service.system(tenant) for tenant in ("a", "c", "b")]
    clinics = [await made(client, {"resourceType": "Practitioner"}) for client in (stranger, friend)]
    foreign, own = await made(owner, patient()), await made(stranger, {"resourceType": "Patient"})
    await made(owner, w.care_team(f"Patient/{foreign}", f"Practitioner/{clinics[1]}"))
    named = [f"Practitioner/{id}" for id in clinics]
    sources = [make("Patient/{}", *named) for make in (w.care_team, w.referral, w.consent, w.appointment)]
    sources.append(w.consent("Patient/{}", type="deny", actor=[]))

    for source in sources:
        answer = await way(stranger, _about(source, own), _about(source, foreign))

        assert answer.status_code in (200, 201, 404, 422), answer.text
        assert (await stranger.get(f"/fhir/Patient/{foreign}")).status_code == 404
        assert (await friend.get(f"/fhir/Patient/{foreign}")).status_code == 200


def _about(source: Data, patient: str) -> Data:
    about: Data = json.loads(json.dumps(source).replace("Patient/{}", f"Patient/{patient}"))
    return about


async def _bundled(client: httpx.AsyncClient, resource: Data, kind: str, request: Data) -> httpx.Response:
    entry = {"resource": resource, "request": request}
    return await client.post("/fhir", content=body({"resourceType": "Bundle", "type": kind, "entry": [entry]}))
