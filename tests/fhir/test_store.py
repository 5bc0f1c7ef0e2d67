"""The store inside atomic units: rollback, hooks, compartments, persons."""

from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlmodel import Session

from fhir.audit import AUDIT
from fhir.codec import Parsed
from fhir.compartments import pseudonym
from fhir.rows import COMPARTMENT, RESOURCE, TOKEN
from fhir.store import Change, IdTaken, Store
from infra.caller import Caller
from infra.database import Database
from infra.problems import Conflict, NotFound
from tests.fhir.record import LocalPolicy, caller, observation, parsed, patient
from tests.fhir.record import store as a_store

KVNR = {"system": "http://fhir.de/sid/gkv/kvid-10"}


def counted(session: Session) -> list[int]:
    return [
        session.connection().execute(select(func.count()).select_from(table)).scalar_one()
        for table in (RESOURCE, TOKEN, COMPARTMENT, AUDIT)
    ]


async def test_a_unit_that_is_rolled_back_leaves_neither_resource_nor_log(database: Database, store: Store) -> None:
    def unit(session: Session) -> None:
        store.create(session, caller(), parsed(patient()))
        raise Conflict

    with pytest.raises(Conflict):
        await database.write(unit)

    assert await database.read(counted) == [0, 0, 0, 0]


async def test_a_hook_sees_each_change_and_can_refuse_it(database: Database, tmp_path: Path) -> None:
    seen: list[tuple[str, bool, bool]] = []

    def hook(session: Session, who: Caller, change: Change) -> None:
        seen.append((change.type, change.before is None, change.after is None))
        if change.after is None:
            raise Conflict

    store = a_store(tmp_path, hooks=[hook])
    made = await database.write(lambda s: store.create(s, caller(), parsed(patient())))
    again = parsed(patient(id=made.id))
    await database.write(lambda s: store.update(s, caller(), "Patient", made.id, again, if_match=None))
    with pytest.raises(Conflict):
        await database.write(lambda s: store.delete(s, caller(), "Patient", made.id))

    assert seen == [("Patient", True, False), ("Patient", False, False), ("Patient", False, True)]
    assert (await database.write(lambda s: store.read(s, caller(), "Patient", made.id))).version == 2


async def test_a_hook_may_write_through_the_store_again(database: Database, tmp_path: Path) -> None:
    def hook(session: Session, who: Caller, change: Change) -> None:
        if change.type == "Patient":
            store.create(session, who, parsed(observation(change.id)))

    store = a_store(tmp_path, hooks=[hook])
    await database.write(lambda s: store.create(s, caller(), parsed(patient())))

    assert (await database.read(counted))[0] == 2


async def test_a_chosen_id_is_taken_only_once(database: Database, store: Store) -> None:
    slot = parsed(patient())
    await database.write(lambda s: store.create(s, caller(), slot, id="chosen"))

    with pytest.raises(IdTaken):
        await database.write(lambda s: store.create(s, caller(), slot, id="chosen"))


async def test_one_person_stands_behind_the_patients_of_two_clinics(database: Database, store: Store) -> None:
    for tenant, number in (("north", "X123456788"), ("south", "X123456788123"), ("south", "Y987654329")):
        identifier = [KVNR | {"value": number}]
        await database.write(
            partial(store.create, caller=caller(tenant), parsed=parsed(patient(identifier=identifier)))
        )

    found = await database.read(lambda s: list(s.connection().execute(select(COMPARTMENT.c.person)).scalars()))

    assert len(found) == 3
    assert len(set(found)) == 2


async def test_a_corrected_insurance_number_moves_the_patient_to_that_person_and_a_removed_one_back(
    database: Database, store: Store
) -> None:
    made = await database.write(lambda s: store.create(s, caller(), parsed(patient(identifier=[]))))
    persons, found = select(COMPARTMENT.c.person), []
    for identifier in ([KVNR | {"value": "X123456788"}], []):
        found.append(await database.read(lambda s: s.connection().execute(persons).scalar_one()))
        again = parsed(patient(id=made.id, identifier=identifier))
        await database.write(partial(_update, store=store, id=made.id, to=again))

    after = await database.read(lambda s: s.connection().execute(persons).scalar_one())

    assert found[1] == store.vault.pseudonym("person", "X123456788")
    assert after == found[0] != found[1]


def _update(session: Session, *, store: Store, id: str, to: Parsed) -> None:
    store.update(session, caller(), "Patient", id, to, if_match=None)


@pytest.mark.parametrize("number", ["X123456789", "X000000000", "123456788X", "X12345678"])
async def test_a_mistyped_insurance_number_joins_nobody(database: Database, store: Store, number: str) -> None:
    for tenant in ("north", "south"):
        mistyped = parsed(patient(identifier=[KVNR | {"value": number}]))
        await database.write(partial(store.create, caller=caller(tenant), parsed=mistyped))

    found = await database.read(lambda s: list(s.connection().execute(select(COMPARTMENT.c.person)).scalars()))

    assert len(set(found)) == 2


async def test_a_grant_opens_a_record_and_its_end_closes_it(
    database: Database, store: Store, policy: LocalPolicy
) -> None:
    person = await database.write(lambda s: store.create(s, caller(), parsed(patient())))
    grant = (pseudonym(store.vault, person.id), "south")
    south = caller("south")

    policy.grants.add(grant)
    about = await database.write(lambda s: store.create(s, south, parsed(observation(person.id))))
    assert (await database.write(lambda s: store.read(s, south, "Patient", person.id))).id == person.id
    assert (await database.write(lambda s: store.read(s, caller(), "Observation", about.id))).id == about.id

    policy.grants.discard(grant)
    with pytest.raises(NotFound):
        await database.write(lambda s: store.read(s, south, "Patient", person.id))
    change = parsed(observation(person.id, id=about.id, status="amended"))
    kept = await database.write(lambda s: store.update(s, south, "Observation", about.id, change, if_match=None))
    assert kept.compartment == grant[0]
