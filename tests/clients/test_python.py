"""fhirpy and fhirclient do their daily work: create, search, page, update with If-Match, transaction."""

import asyncio
from importlib.metadata import version
from typing import Any

import pytest
import requests
from fhirclient.client import FHIRClient  # type: ignore[import-untyped]  # has no types
from fhirclient.models.bundle import Bundle  # type: ignore[import-untyped]  # as above
from fhirclient.models.observation import Observation  # type: ignore[import-untyped]  # as above
from fhirclient.models.patient import Patient  # type: ignore[import-untyped]  # as above
from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome

from tests.clients.conftest import Server
from tests.clients.people import FAMILY, GIVEN, patient, transaction
from tests.fixtures.participants import Participants


async def test_fhirpy(server: Server, participants: Participants) -> None:
    client = AsyncFHIRClient(server.base, authorization=f"Bearer {server.token}")

    made = []
    for given in GIVEN:
        made.append(client.resource("Patient", **patient(given)))
        await made[-1].save()
    one = await client.resources("Patient").search(identifier="urn:example:clients|Cem").get()
    paged = await client.resources("Patient").search(family=FAMILY).limit(2).fetch_all()
    assert one.id == made[2].id
    assert sorted(each.id for each in paged) == sorted(each.id for each in made)
    with pytest.raises(OperationOutcome, match="_totalMethod"):  # count() asks as only Aidbox can be asked
        await client.resources("Patient").search(family=FAMILY).count()

    one["gender"] = "male"
    client.extra_headers = {"If-Match": 'W/"1"'}
    await one.update()
    with pytest.raises(MultipleResourcesFound, match="conflict"):  # what fhirpy makes of every 412
        await one.update()
    client.extra_headers = None
    assert one["meta"]["versionId"] == "2"

    person = made_first(await client.execute("", data=transaction()))
    (about,) = await client.resources("Observation").search(patient=person).fetch()
    assert about.subject.reference == f"Patient/{person}"
    participants.joined("fhirpy", version("fhirpy"))


def made_first(answer: dict[str, Any]) -> str:
    """The id of the first resource of a transaction."""
    location: str = answer["entry"][0]["response"]["location"]
    return location.partition("/_history")[0].rpartition("/")[2]


async def test_fhirclient(server: Server, participants: Participants) -> None:
    # It blocks, and the server is in this thread.
    await asyncio.to_thread(_fhirclient, server)
    participants.joined("fhirclient", version("fhirclient"))


def _fhirclient(server: Server) -> None:
    client = FHIRClient(settings={"app_id": "tests", "api_base": server.base}).server
    client.session.headers["Authorization"] = f"Bearer {server.token}"
    made = [Patient(patient(given)).create(client)["id"] for given in GIVEN]

    one = next(Patient.where({"identifier": "urn:example:clients|Cem"}).perform_resources_iter(client))
    pages = list(Patient.where({"family": FAMILY, "_count": "2"}).perform_iter(client))
    assert one.id == made[2]
    assert [len(page.entry) for page in pages] == [2, 2, 1]
    assert sorted(entry.resource.id for page in pages for entry in page.entry) == sorted(made)

    one.gender = "male"
    client.session.headers["If-Match"] = 'W/"1"'
    changed: dict[str, Any] = one.update(client)
    with pytest.raises(requests.HTTPError, match="412"):
        one.update(client)
    del client.session.headers["If-Match"]
    assert changed["meta"]["versionId"] == "2"

    answer = Bundle(transaction()).create(client)
    person = made_first(answer)
    (about,) = Observation.where({"patient": person}).perform_resources_iter(client)
    assert about.subject.reference == f"Patient/{person}"
