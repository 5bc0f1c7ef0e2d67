"""The log after an erasure: what was erased is told and is no difference, and nothing else hides behind it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Table, delete
from sqlmodel import Session

from fhir.compartments import pseudonym
from fhir.ledger.verify import Report
from fhir.rows import HISTORY, RESOURCE
from infra.clock import FixedClock
from infra.vault.models import KeyChange, KeyEvent
from telemed.keys.erasing import Eraser, erase
from telemed.ledger.service import verification
from tests.fhir.ledger.logs import drop_triggers
from tests.fhir.record import observation, patient
from tests.telemed.keys.patients import created, order, registered
from tests.telemed.service import Service


async def report(service: Service) -> Report:
    """What `telemed audit verify` finds now."""
    await service.services.sequencer.catch_up()
    parts = service.services
    return await parts.database.read(
        lambda session: verification(session, parts.vault, parts.settings, tell=lambda _done, _all: None)
    )


async def two_patients(service: Service) -> tuple[str, str]:
    """The ids of two patients in version 2, of whom the first was erased."""
    http = await service.system("a")
    gone, kept = await registered(http, "Muster"), await registered(http, "Muster")
    for id in (gone, kept):
        body = json.dumps(patient(id=id, name=[{"family": "Neumann"}]))
        assert (await http.put(f"/fhir/Patient/{id}", content=body)).status_code == 200
    await erase(service.services.eraser, order(gone))
    return gone, kept


def without(session: Session, id: str, *tables: Table) -> None:
    """Nothing; somebody who may write to the database has removed this patient from these tables, else from both."""
    drop_triggers(session)
    for table in tables or (HISTORY, RESOURCE):
        session.execute(delete(table).where(table.c.id == id))


async def test_an_erased_record_is_told_and_is_no_difference(service: Service) -> None:
    await two_patients(service)

    found = await report(service)

    assert (found.differences, found.first) == (0, [])
    assert found.lost == ["erased: 1 resources of records whose keys were destroyed"]


async def test_what_is_removed_beside_an_erased_record_is_named(service: Service) -> None:
    _gone, kept = await two_patients(service)
    await service.services.database.write(lambda session: without(session, kept))

    found = await report(service)

    assert found.first == [f"removed: {kept}, of which the log has written version 2"]


async def test_nobody_passes_a_removed_record_for_an_erased_one(service: Service) -> None:
    gone, kept = await two_patients(service)

    def forge(session: Session) -> None:
        without(session, kept)
        ours, theirs = (f"c:{pseudonym(service.services.vault, id)}" for id in (kept, gone))
        told = session.get_one(KeyChange, (theirs, KeyEvent.DESTROYED.value))
        # The line of another erasure: a MAC that holds, for somebody else.
        session.add(KeyChange(scope=ours, event=told.event, at=told.at, tenant=told.tenant, line=told.line))

    await service.services.database.write(forge)

    found = await report(service)

    assert found.first == [f"removed: {kept}, of which the log has written version 2"]


async def test_without_the_mac_a_removed_record_would_pass_for_an_erased_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await two_patients(service)
    await service.services.database.write(lambda session: without(session, ids[1]))
    scopes = {f"c:{pseudonym(service.services.vault, id)}" for id in ids}
    monkeypatch.setattr("telemed.ledger.service.proven", lambda _session, _listed: scopes)

    found = await report(service)

    assert found.first == []


async def test_what_was_corrected_to_be_about_another_patient_lacks_the_past_that_was_erased(service: Service) -> None:
    http = await service.system("a")
    gone, kept = await registered(http, "Muster"), await registered(http, "Muster")
    id = await created(http, observation(gone))
    corrected = json.dumps(observation(kept) | {"id": id})
    assert (await http.put(f"/fhir/Observation/{id}", content=corrected)).status_code == 200
    parts = service.services
    later = FixedClock(datetime.now(UTC) + timedelta(days=3660))
    await erase(Eraser(parts.database, parts.vault, parts.eraser.listed, later), order(gone))

    found = await report(service)

    assert found.first == []


async def test_a_past_that_somebody_removed_is_named_beside_an_erased_record(service: Service) -> None:
    _gone, kept = await two_patients(service)
    await service.services.database.write(lambda session: without(session, kept, HISTORY))

    found = await report(service)

    assert found.first == [f"history: Patient/{kept} is in version 2 and has 0 earlier ones"]
