"""Erasing a record: unreadable with the first commit, in every process, whatever happens after it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from fhir.compartments import pseudonym
from fhir.tables import AuditRow
from infra.clock import FixedClock
from infra.vault import DataKey, Vault
from telemed.keys import erasing
from telemed.keys.erasing import Eraser, NoSuchPatient, erase
from telemed.keys.replay import replay
from telemed.keys.watching import Watch
from tests.fhir.record import observation, patient
from tests.telemed.keys.patients import created, found, left, order, registered, status
from tests.telemed.service import Service, demo_settings, running


class Killed(BaseException):
    """Stands for kill -9."""


async def test_nothing_of_an_erased_record_is_left_but_the_log(service: Service) -> None:
    http = await service.system("a")
    gone, kept = await registered(http, "Muster"), await registered(http, "Muster")
    await http.put(f"/fhir/Patient/{gone}", content=json.dumps(patient(id=gone, name=[{"family": "Neumann"}])))
    await http.post("/fhir/Patient", content=json.dumps(patient()), headers={"If-None-Exist": "family=Neumann"})

    await erase(service.services.eraser, order(gone))

    database, vault = service.services.database, service.services.vault
    assert await left(database, vault, gone) == {}
    assert [await status(http, id) for id in (gone, kept)] == [404, 200]
    assert (await found(http, "Muster"), await found(http, "Neumann")) == ([kept], [])
    assert (await http.get("/fhir/Patient", params={"_summary": "count"})).json()["total"] == 1
    assert (await http.get(f"/fhir/Patient/{gone}/_history/1")).status_code == 404


async def test_the_log_tells_who_erased_whom_and_why(service: Service) -> None:
    http = await service.system("a")
    id = await registered(http, "Muster")
    await erase(service.services.eraser, order(id))

    compartment = pseudonym(service.services.vault, id)
    lines = await service.services.database.read(
        lambda session: [
            (row.action, row.agent, row.tenant)
            for row in session.exec(select(AuditRow).where(AuditRow.compartment == compartment).order_by("id"))
        ]
    )
    events = (await http.get("/fhir/AuditEvent", params={"subtype": "delete"})).json()["entry"]

    assert ("create", "a-system", "a") in lines and lines[-1] == ("delete", "tests", "a")
    assert events[0]["resource"]["entity"][0]["query"] == "ZXJhc2VkOiBhc2tlZCBmb3IgaXQ="


async def test_a_process_that_knows_the_key_reads_and_writes_nothing_more(service: Service) -> None:
    http = await service.system("a")
    id = await registered(http, "Muster", treated=True)
    await created(http, observation(id))
    eraser = service.services.eraser
    later = FixedClock(datetime.now(UTC) + timedelta(days=3660))
    elsewhere = Eraser(eraser.database, Vault(eraser.vault.provider), eraser.listed, later)

    await erase(elsewhere, order(id))

    vault = service.services.vault
    assert vault._cached(f"c:{pseudonym(vault, id)}") is not None
    assert await status(http, id) == 404
    told = await http.post("/fhir/Observation", content=json.dumps(observation(id)))
    assert (told.status_code, told.json()["issue"][0]["code"]) == (410, "deleted")
    changed = await http.put(f"/fhir/Patient/{id}", content=json.dumps(patient(id=id)))
    assert changed.status_code == 404
    assert await left(service.services.database, vault, id) == {}


async def test_another_process_drops_its_keys_when_it_looks(service: Service) -> None:
    http = await service.system("a")
    id = await registered(http, "Muster", treated=True)
    eraser, vault = service.services.eraser, service.services.vault
    watch = Watch(eraser)
    later = FixedClock(datetime.now(UTC) + timedelta(days=3660))
    await erase(Eraser(eraser.database, Vault(eraser.vault.provider), eraser.listed, later), order(id))
    assert vault._opened

    await watch.look()
    assert not vault._opened

    await registered(http, "Muster", treated=True)
    await watch.look()
    assert vault._opened


async def test_to_another_clinic_an_erased_patient_is_like_any_unknown_one(service: Service) -> None:
    http, other = await service.system("a"), await service.system("b")
    id = await registered(http, "Muster")
    await erase(service.services.eraser, order(id))

    answers = [
        await other.post("/fhir/Observation", content=json.dumps(observation(patient_id)))
        for patient_id in (id, "none")
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert await left(service.services.database, service.services.vault, id) == {}


async def test_an_unknown_patient_is_not_erased(service: Service) -> None:
    with pytest.raises(NoSuchPatient):
        await erase(service.services.eraser, order("nobody"))
    assert service.services.eraser.listed.lines() == []


STEPS: dict[str, Callable[[pytest.MonkeyPatch, Any], None]] = {
    "before the list": lambda patch, kill: patch.setattr("infra.vault.destroyed.DestroyedList.add", kill),
    "before the rest": lambda patch, kill: patch.setattr(erasing, "clear", kill),
    "within the rest": lambda patch, kill: patch.setattr("fhir.erasure._remove_claims", kill),
    "before the end": lambda patch, kill: patch.setattr(erasing, "cleared", kill),
}


@pytest.mark.parametrize(
    ("step", "by"), [*((step, "the next start") for step in STEPS), ("within the rest", "a repeat")]
)
async def test_an_erasure_that_was_killed_is_unreadable_and_is_completed(
    service: Service, monkeypatch: pytest.MonkeyPatch, step: str, by: str
) -> None:
    http, eraser = await service.system("a"), service.services.eraser
    id = await registered(http, "Muster")

    def kill(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        STEPS[step](patch, kill)
        with pytest.raises(Killed):
            await erase(eraser, order(id))
    seen = [await status(http, id), len(await found(http, "Muster"))]
    await (erase(eraser, order(id)) if by == "a repeat" else replay(eraser))

    assert seen == [404, 0]
    assert await left(eraser.database, eraser.vault, id) == {}
    assert [entry.scope for entry in eraser.listed.entries()] == [f"c:{pseudonym(eraser.vault, id)}"]


async def test_without_closing_the_compartment_a_known_key_would_take_new_rows(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    http, eraser = await service.system("a"), service.services.eraser
    id = await registered(http, "Muster", treated=True)
    monkeypatch.setattr(erasing, "refuse_retained", lambda *_, **__: None)
    monkeypatch.setattr(erasing, "close", lambda session, compartment: None)
    monkeypatch.setattr(erasing, "clear", _nothing)

    await erase(Eraser(eraser.database, Vault(eraser.vault.provider), eraser.listed, eraser.clock), order(id))
    answer = await http.post("/fhir/Observation", content=json.dumps(observation(id)))

    assert answer.status_code == 201
    assert (await left(eraser.database, eraser.vault, id))["resource"] == 3


async def _nothing(*_: object) -> bool:
    return True


@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize("overwrites", ["as it is", "without it"])
async def test_wrapped_keys_are_written_over_in_the_file(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrites: str
) -> None:
    if overwrites == "without it":
        monkeypatch.setattr("infra.vault.destroying.overwriting", keeping)
    async with running(demo_settings(tmp_path, database_url)) as service:
        http, eraser = await service.system("a"), service.services.eraser
        id, _ = await registered(http, "Muster"), await registered(http, "Muster")
        await found(http, "Muster")  # makes the clinic's key, which would else be written into the place that gets free
        wrapped = await eraser.database.read(partial(wrapped_key, scope=f"c:{pseudonym(eraser.vault, id)}"))
        await erase(eraser, order(id))

    assert wrapped_in(wrapped, tmp_path) == (overwrites == "without it")


def wrapped_in(wrapped: bytes, folder: Path) -> bool:
    """True if a wrapped key stands in the database, whose log is written into it as nobody has it open."""
    content = {file.name: file.read_bytes() for file in folder.glob("telemed.sqlite3*")}
    assert content.keys() == {"telemed.sqlite3"}
    return wrapped in content["telemed.sqlite3"]


@contextmanager
def keeping(session: Session) -> Iterator[None]:
    """A stretch in which SQLite leaves what is deleted where it is; some builds of it do not by themselves."""
    session.connection().exec_driver_sql("PRAGMA secure_delete=OFF")
    yield


def wrapped_key(session: Session, *, scope: str) -> bytes:
    """The only wrapped data key of a scope."""
    return session.exec(select(DataKey.wrapped).where(DataKey.scope == scope)).one()
