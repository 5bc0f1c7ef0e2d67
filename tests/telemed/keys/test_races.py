"""An erasure while others write and read about the same patient: nothing of the record outlives it."""

import asyncio
import json

import httpx
import pytest
from sqlalchemy import text

from infra.database import Database
from telemed.keys import erasing
from telemed.keys.erasing import erase
from tests.effort import repetitions
from tests.fhir.record import observation, patient
from tests.telemed.keys.patients import left, order, registered
from tests.telemed.service import Service


@pytest.fixture(autouse=True)
def no_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing; here the law keeps no record."""
    monkeypatch.setattr(erasing, "refuse_retained", lambda *_, **__: None)


async def test_of_writes_at_the_same_moment_nothing_outlives_the_erasure(service: Service) -> None:
    http = await service.system("a")
    for _ in range(repetitions(2)):
        id = await registered(http, "Muster")

        answers, _ = await asyncio.gather(
            asyncio.gather(*(written(http, id, number) for number in range(30))),
            erase(service.services.eraser, order(id)),
        )

        assert {answer.status_code for answer in answers} <= {200, 201, 404, 409, 410, 412}
        assert await left(service.services.database, service.services.vault, id) == {}


async def written(http: httpx.AsyncClient, id: str, number: int) -> httpx.Response:
    """The answer to one of several kinds of writes about a patient."""
    if number % 3 == 0:
        return await http.put(f"/fhir/Patient/{id}", content=json.dumps(patient(id=id, gender="other")))
    entry = {"resource": observation(id), "request": {"method": "POST", "url": "Observation"}}
    if number % 3 == 1:
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 3}
        return await http.post("/fhir", content=json.dumps(bundle))
    return await http.post("/fhir/Observation", content=json.dumps(observation(id)))


SEEN = "SELECT count(*) FROM compartment"


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_transaction_that_saw_the_record_open_is_waited_for(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await registered(await service.system("a"), "Muster")
    eraser, begun, end = service.services.eraser, asyncio.Event(), asyncio.Event()
    reading = asyncio.create_task(slow(eraser.database, begun, end))
    await begun.wait()

    erasing_it = asyncio.create_task(erase(eraser, order(id)))
    done, _ = await asyncio.wait([erasing_it], timeout=0.2)
    end.set()
    await asyncio.gather(reading, erasing_it)

    assert not done
    assert await left(eraser.database, eraser.vault, id) == {}


async def slow(database: Database, begun: asyncio.Event, end: asyncio.Event) -> None:
    """A transaction that has seen the compartments and lasts until it may end."""
    async with database._session() as session, session.begin():  # type: ignore[attr-defined]  # PostgreSQL's alone
        await session.execute(text(SEEN))
        begun.set()
        await end.wait()


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_what_lasts_too_long_is_left_to_the_next_look(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    id = await registered(await service.system("a"), "Muster")
    eraser, begun, end = service.services.eraser, asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(erasing, "PATIENCE", 0.0)
    reading = asyncio.create_task(slow(eraser.database, begun, end))
    await begun.wait()

    await erase(eraser, order(id))
    rest = await left(eraser.database, eraser.vault, id)
    end.set()
    await reading
    await erase(eraser, order(id))

    assert rest.keys() == {"resource"}, "unreadable, and to be removed"
    assert await left(eraser.database, eraser.vault, id) == {}
