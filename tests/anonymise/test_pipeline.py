"""From the sealed record to a release, on both databases."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from anonymise.about import parse
from anonymise.definition import cohort_definitions, shipped
from anonymise.formats.csv import read_table, table_of
from anonymise.ledger import VaultSecrets
from anonymise.manifest import verify
from anonymise.pipeline import Shelf, publish_draft
from anonymise.preparing import prepare_period
from anonymise.problems import PeriodFrozen
from anonymise.release import Release
from fhir import bulk
from fhir.bulk import Item
from fhir.ids import new_id
from fhir.store import Store
from infra.caller import Caller
from infra.clock import FixedClock
from infra.database import Database
from tests.anonymise.builders import BASE_URL, KIEL, approve_by_two
from tests.fhir import record

CLOCK = FixedClock(datetime(2026, 11, 23, 8, tzinfo=UTC))
ICD = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"


def patient(id: str, number: int) -> Item:
    coding = {"system": "http://fhir.de/sid/destatis/ags", "code": KIEL}
    ags = {"url": "http://fhir.de/StructureDefinition/destatis/ags", "valueCoding": coding}
    address = [{"city": "Kiel", "postalCode": "24103", "extension": [ags]}]
    return Item(record.parsed(record.patient(identifier=[record.kvnr(number)], address=address)), id)


def encounter(id: str, code: str, day: int = 3) -> Item:
    moment = f"2026-08-{day:02}T10:00:00+02:00"
    body: dict[str, Any] = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "VR"},
        "subject": {"reference": f"Patient/{id}"},
        "period": {"start": moment, "end": moment},
        "reasonCode": [{"coding": [{"system": ICD, "code": code}]}],
    }
    return Item(record.parsed(body))


def consent(id: str, kind: str = "permit") -> Item:
    category = [
        {"coding": [{"system": "http://loinc.org", "code": "59284-0"}]},
        {"coding": [{"system": "https://telemed.example/fhir/CodeSystem/consent-category", "code": "statistics"}]},
    ]
    scope = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "research"}]}
    body: dict[str, Any] = {
        "resourceType": "Consent",
        "status": "active",
        "scope": scope,
        "category": category,
        "patient": {"reference": f"Patient/{id}"},
        "dateTime": "2026-01-05T09:00:00Z",
        "policyRule": {"text": "Statistics of the region"},
        "provision": {"type": kind},
    }
    return Item(record.parsed(body))


def load(store: Store, caller: Caller, items: list[Item], session: Session) -> None:
    bulk.load(store, session, caller, items)


async def fill(database: Database, store: Store, *, clinics: int = 12) -> None:
    """Forty persons at one clinic, and one person with forty encounters spread over all clinics."""
    for clinic in range(clinics):
        busy = new_id()
        items = [patient(busy, 999), consent(busy), *(encounter(busy, "J06.9", day=n % 28 + 1) for n in range(4))]
        if clinic == 0:
            ids = [new_id() for _ in range(40)]
            items += [item for n, id in enumerate(ids) for item in (patient(id, n), consent(id))]
            items += [encounter(id, "I10.00" if n % 2 else "J06.9") for n, id in enumerate(ids)]
        caller = record.caller(f"clinic-{clinic}")
        await database.write(partial(load, store, caller, items))


async def publish(database: Database, store: Store, folder: Path, clock: FixedClock = CLOCK) -> Release:
    place = Shelf(folder / "releases", folder / "data", VaultSecrets(store.vault), BASE_URL)
    [prepared] = await prepare_period(
        database, store.vault, place, clock=clock, definitions=[shipped()], built_by="the service"
    )
    draft = prepared.require()
    approve_by_two(place, draft.facts.slug, draft.facts.release)
    return publish_draft(place, draft.facts.slug, draft.facts.release, now=clock.now())


async def test_the_record_becomes_a_release_that_counts_persons_not_events(database: Database, tmp_path: Path) -> None:
    store = record.store(tmp_path, clock=CLOCK)
    await fill(database, store)

    release = await publish(database, store, tmp_path)

    verify(release.folder, key=(tmp_path / "releases" / "signing-key.pem").read_bytes())
    rows = {row.keys: row.value for row in read_table(release.folder, release.slug).rows}
    assert release.name == "2026-Q3"
    assert rows["*", "*", "*", "*"] == 41
    assert rows["*", "*", "*", "J00-J99"] == 21


async def test_a_quarter_that_is_out_is_not_built_again(database: Database, tmp_path: Path) -> None:
    store = record.store(tmp_path, clock=CLOCK)
    await fill(database, store, clinics=1)
    first = await publish(database, store, tmp_path)
    await fill(database, store, clinics=2)
    later = FixedClock(CLOCK.now() + timedelta(days=10))

    with pytest.raises(PeriodFrozen):
        await publish(database, store, tmp_path, later)

    assert first.folder.is_dir()


async def test_clinics_count_their_own_persons_for_themselves_from_the_record(
    database: Database, tmp_path: Path
) -> None:
    store = record.store(tmp_path, clock=CLOCK)
    for clinic, first in (("demo-clinic-01", 0), ("demo-clinic-02", 5), ("not-listed", 0)):
        # Fifteen each; ten of them are at both, under the same insurance number. Nobody agreed, one objected at one.
        ids = [new_id() for _ in range(15)]
        items = [item for n, id in enumerate(ids) for item in (patient(id, first + n), encounter(id, "J06.9"))]
        items += [consent(ids[0], "deny")] if clinic == "demo-clinic-02" else []
        await database.write(partial(load, store, record.caller(clinic), items))
    place = Shelf(tmp_path / "releases", tmp_path / "data", VaultSecrets(store.vault), BASE_URL)

    [prepared] = await prepare_period(
        database,
        store.vault,
        place,
        clock=CLOCK,
        definitions=cohort_definitions("kiel-clinics"),
        built_by="the service",
    )

    files = prepared.require().files
    table = table_of(files["persons-by-clinic.csv"], files["codes.json"])
    rows = {row.keys: row.value for row in table.rows}
    assert rows["*", "*", "demo-clinic-01"] == 15
    assert rows["*", "*", "demo-clinic-02"] == 14
    assert rows["*", "*", "*"] == 29
    told = parse(files["about.json"])
    assert told.legal_basis == "institution" and told.coverage is not None
    assert (told.coverage.reporting, told.coverage.clinics) == (2, 14)
