"""Scopes with search parameters, and those of one patient, hold in every interaction; a brute-force oracle agrees."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir import codec, history, trips
from fhir.history import Asked
from fhir.policy import Action
from fhir.search import parsing
from fhir.store import OutsideScope
from infra.caller import Caller, Role
from infra.database import Database
from infra.problems import Forbidden, NotFound
from telemed.access import bounds
from telemed.access.policy import CarePermit, CarePolicy, NotInScope
from tests.telemed.access.world import World, patient, system

LABORATORY = "system/Observation.cruds?category=laboratory"


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World.make(database, tmp_path)


def observation(subject: str, *categories: str, status: str = "final", **more: Any) -> dict[str, Any]:
    """An Observation of these categories."""
    return {
        "resourceType": "Observation",
        "status": status,
        "category": [{"coding": [{"code": code}]} for code in categories],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": subject},
    } | more


def scoped(*scopes: str, role: Role = Role.SYSTEM, patient: str = "") -> Caller:
    """Somebody of clinic a with these scopes."""
    return Caller("a", "somebody", role, frozenset(scopes), patient=patient.removeprefix("Patient/"))


async def found(world: World, caller: Caller, query: str) -> tuple[set[str], int | None]:
    """What a search finds, included resources too, and the total it tells."""
    type, _, rest = query.partition("?")
    asked = parsing.parse(type, parsing.pairs_of(rest))
    store = world.store
    page = await world.database.short(
        lambda session: store.search(session, caller, asked), lambda: trips.search(store, caller, asked)
    )
    return {one.reference for one in (*page.entries, *page.included)}, page.total


async def reads(world: World, caller: Caller, reference: str) -> bool:
    """Whether the caller reads the resource, by the unit and by the single statement alike."""
    type, id = reference.split("/")
    store = world.store
    try:
        await world.database.short(
            lambda session: store.read(session, caller, type, id), lambda: trips.read(store, caller, type, id)
        )
    except NotFound:
        return False
    return True


async def test_a_restricted_scope_shows_what_meets_it_in_reads_searches_counts_and_includes(world: World) -> None:
    subject = await patient(world, "a")
    lab = await world.write("a", observation(subject, "laboratory"))
    vital = await world.write("a", observation(subject, "vital-signs", hasMember=[{"reference": lab}]))
    caller = scoped(LABORATORY, "system/Patient.rs")

    assert (await reads(world, caller, lab), await reads(world, caller, vital)) == (True, False)
    assert await found(world, caller, "Observation") == ({lab}, 1)
    assert await found(world, caller, "Observation?status=final") == ({lab}, 1)
    assert await found(world, caller, f"Observation?patient={subject}&code=8867-4") == ({lab}, 1)
    assert await found(world, caller, "Observation?_summary=count") == (set(), 1)
    assert (await found(world, caller, "Patient?_revinclude=Observation:patient"))[0] == {subject, lab}
    assert (await found(world, caller, "Patient?_has:Observation:patient:category=vital-signs"))[0] == set()
    assert (await found(world, caller, "Patient?_has:Observation:patient:category=laboratory"))[0] == {subject}


async def test_a_restricted_scope_holds_for_what_is_written(world: World) -> None:
    subject = await patient(world, "a")
    lab, vital = [await world.write("a", observation(subject, c)) for c in ("laboratory", "vital-signs")]
    caller, store = scoped(LABORATORY), world.store

    def parsed(data: dict[str, Any], reference: str = "") -> codec.Parsed:
        id = {"id": reference.partition("/")[2]} if reference else {}
        return codec.parse(json.dumps(data | id).encode(), type=None)

    async def update(reference: str, data: dict[str, Any]) -> None:
        type, id = reference.split("/")
        new = parsed(data, reference)
        await world.database.write(lambda s: store.update(s, caller, type, id, new, if_match=None))

    await world.database.write(lambda s: store.create(s, caller, parsed(observation(subject, "laboratory"))))
    await update(lab, observation(subject, "laboratory", status="amended"))
    with pytest.raises(OutsideScope):
        await world.database.write(lambda s: store.create(s, caller, parsed(observation(subject, "vital-signs"))))
    with pytest.raises(OutsideScope):
        await update(lab, observation(subject, "vital-signs"))
    with pytest.raises(NotFound):
        await update(vital, observation(subject, "laboratory"))
    with pytest.raises(NotFound):
        await world.database.write(lambda s: store.delete(s, caller, "Observation", vital.partition("/")[2]))
    assert trips.add(store, caller, store.draft(parsed(observation(subject, "vital-signs")))) is None


async def test_the_past_is_shown_only_where_it_met_the_scope(world: World) -> None:
    subject = await patient(world, "a")
    reference = await world.write("a", observation(subject, "vital-signs"))
    await world.change("a", reference, observation(subject, "laboratory"))
    type, id = reference.split("/")
    caller, store = scoped(LABORATORY), world.store

    now = await world.database.write(lambda s: store.vread(s, caller, type, id, version=2))
    with pytest.raises(NotFound):
        await world.database.write(lambda s: store.vread(s, caller, type, id, version=1))
    with pytest.raises(Forbidden):
        await world.database.write(lambda s: history.of_resource(store, s, caller, type, id, asked=Asked(10)))

    assert now.version == 2


async def test_several_restrictions_let_in_what_meets_one_of_them(world: World) -> None:
    subject = await patient(world, "a")
    lab, vital, exam = [await world.write("a", observation(subject, c)) for c in ("laboratory", "vital-signs", "exam")]
    two = scoped(LABORATORY, "system/Observation.rs?category=vital-signs")
    listed = scoped("system/Observation.rs?category=exam,laboratory")
    both = scoped("system/Observation.rs?category=laboratory&status=preliminary")

    assert await found(world, two, "Observation") == ({lab, vital}, 2)
    assert await found(world, listed, "Observation") == ({lab, exam}, 2)
    assert await found(world, both, "Observation") == (set(), 0)
    assert await found(world, scoped(LABORATORY, "system/Observation.rs"), "Observation") == ({lab, vital, exam}, 3)


async def test_scopes_of_one_patient_open_no_other(world: World) -> None:
    one, two = await patient(world, "a"), await patient(world, "a")
    mine, other = [await world.write("a", observation(subject, "laboratory")) for subject in (one, two)]
    caller = scoped("patient/*.rs", role=Role.PHYSICIAN, patient=one)

    assert [await reads(world, caller, each) for each in (one, two, mine, other)] == [True, False, True, False]
    assert await found(world, caller, "Observation") == ({mine}, 1)
    assert await found(world, caller, "Patient?_revinclude=Observation:patient") == ({one, mine}, 1)
    with pytest.raises(NotInScope):
        await found(world, caller._replace(patient=""), "Observation")


async def test_scopes_of_one_patient_and_of_the_person_add_up(world: World) -> None:
    one, two = await patient(world, "a"), await patient(world, "a")
    mine, other = [await world.write("a", observation(subject, "vital-signs")) for subject in (one, two)]
    lab = await world.write("a", observation(two, "laboratory"))
    caller = scoped("patient/Observation.rs", "user/Observation.rs?category=laboratory", role=Role.NURSE, patient=one)

    assert await found(world, caller, "Observation") == ({mine, lab}, 2)
    assert not await reads(world, caller, other)


async def test_a_patient_reads_the_own_record_whoever_wrote_it_and_changes_nothing(world: World) -> None:
    one, two = await patient(world, "a"), await patient(world, "a")
    mine, other = [await world.write("a", observation(subject, "laboratory")) for subject in (one, two)]
    place = await world.write("a", {"resourceType": "Organization", "name": "a"})
    caller = scoped("patient/*.cruds", role=Role.PATIENT, patient=one)

    assert [await reads(world, caller, each) for each in (one, mine, place)] == [True, True, True]
    assert [await reads(world, caller, each) for each in (two, other)] == [False, False]
    assert await found(world, caller, "Observation") == ({mine}, 1)
    for action in Action:
        if action.changes:
            with pytest.raises(NotInScope):
                world.store.policy.permit(caller, action, "Observation")


def test_a_policy_without_keys_opens_nothing_that_is_narrowed(world: World) -> None:
    policy = CarePolicy(world.clock)

    with pytest.raises(NotInScope):
        policy.permit(scoped(LABORATORY), Action.READ, "Observation")


@pytest.mark.parametrize("type", ["AuditEvent"])
def test_the_log_of_accesses_is_not_narrowed_but_closed(world: World, type: str) -> None:
    for caller in (scoped(f"system/{type}.rs?type=rest"), scoped("patient/*.rs", role=Role.PHYSICIAN, patient="1")):
        with pytest.raises(NotInScope):
            world.store.policy.permit(caller, Action.SEARCH, type)


SCOPES = st.sets(
    st.sampled_from(
        [
            "system/Observation.rs?category=laboratory",
            "system/Observation.rs?category=vital-signs&status=final",
            "system/Observation.rs?status=amended",
            "system/Observation.s",
            "system/Observation.rs?category:not=laboratory",
        ]
    ),
    min_size=1,
)
WORLDS = st.lists(
    st.tuples(st.sampled_from(["laboratory", "vital-signs", "exam"]), st.sampled_from(["final", "amended"]))
)


def allowed(scopes: set[str], category: str, status: str) -> bool:
    """What the scopes say, once more in the plainest way."""
    return any(
        {
            "system/Observation.rs?category=laboratory": category == "laboratory",
            "system/Observation.rs?category=vital-signs&status=final": (category, status) == ("vital-signs", "final"),
            "system/Observation.rs?status=amended": status == "amended",
            "system/Observation.s": True,
            "system/Observation.rs?category:not=laboratory": category != "laboratory",
        }[scope]
        for scope in scopes
    )


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(scopes=SCOPES, made=WORLDS.filter(lambda found: len(found) < 6))
async def test_searches_show_and_count_exactly_what_the_scopes_say(
    world: World, scopes: set[str], made: list[tuple[str, str]]
) -> None:
    subject = await patient(world, "a")
    written = {await world.write("a", observation(subject, c, status=s)): (c, s) for c, s in made}
    expected = {reference for reference, said in written.items() if allowed(scopes, *said)}

    seen, total = await found(world, scoped(*scopes), f"Observation?patient={subject}")

    assert (seen, total) == (expected, len(expected))


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_the_look_at_the_opened_resource_holds_where_the_filter_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two nets: with the clause of the index gone, what is opened is still looked at; with that gone, the clause holds.

    The clause alone decides where the index has the parameter by itself (identifiers, references); codes stand there
    only beside their patient, so about them the opened resource alone decides.
    """
    subject, other = await patient(world, "a"), await patient(world, "a")
    vital = await world.write("a", observation(subject, "vital-signs"))
    caller, policy = scoped(f"system/Observation.rs?patient={other}"), world.store.policy

    class WithoutClause:
        def permit(self, caller: Caller, action: Action, type: str) -> CarePermit:
            permit = policy.permit(caller, action, type)
            assert isinstance(permit, CarePermit)
            wide = policy.permit(system("a"), action, type).clause
            return replace(permit, clause=wide)

    monkeypatch.setattr(world.store, "policy", WithoutClause())
    assert not await reads(world, caller, vital)
    assert not await reads(world, scoped(LABORATORY), vital)
    monkeypatch.setattr(world.store, "policy", policy)
    monkeypatch.setattr(bounds, "shows", lambda *_arguments, **_named: True)
    assert not await reads(world, caller, vital)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_without_both_nets_the_scope_would_open_everything(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin."""
    subject = await patient(world, "a")
    vital = await world.write("a", observation(subject, "vital-signs"))
    wide = world.store.policy.permit(system("a"), Action.READ, "Observation").clause
    monkeypatch.setattr(bounds, "shows", lambda *_arguments, **_named: True)
    monkeypatch.setattr(bounds, "clause", lambda *_arguments, **_named: wide)

    assert await reads(world, scoped(LABORATORY), vital)
