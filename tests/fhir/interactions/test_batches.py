"""Batches: many units, each as durable as its answer says, with others between them; what is long is done beside them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from fhir import batches, costs, drafts
from fhir.interactions import beside
from fhir.patches.patch import Patch
from fhir.search import pages
from fhir.store import Change
from infra.caller import Caller
from infra.database import Database, Unit
from infra.problems import DiskFull, Unprocessable
from tests.effort import examples
from tests.fhir import record
from tests.fhir.interactions.test_transactions import answered, statuses, to_male
from tests.fhir.record import created, observation, patient
from tests.fhir.test_bundles import bundle, entry


class Watch:
    """How many units wrote, and whether one is running."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.units, self.is_inside, self.full_after = 0, False, 1000
        self._write = database.write
        monkeypatch.setattr(database, "write", self.write)

    async def write(self, unit: Unit[Any]) -> Any:
        """What the unit returns."""
        self.units += 1
        if self.units > self.full_after:
            raise DiskFull

        def watched(session: Session) -> Any:
            self.is_inside = True
            try:
                return unit(session)
            finally:
                self.is_inside = False

        return await self._write(watched)


@pytest.fixture
def watch(database: Database, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(database, monkeypatch)


def creates(count: int) -> list[dict[str, Any]]:
    return [
        entry("POST", "Patient", resource=patient(), request={"ifNoneExist": f"identifier=new{n}"})
        for n in range(count)
    ]


@pytest.mark.parametrize(("seconds", "units"), [(0.0, 4), (100.0, 1)])
async def test_a_unit_of_a_batch_ends_with_its_slice_of_time(
    north: httpx.AsyncClient, watch: Watch, monkeypatch: pytest.MonkeyPatch, seconds: float, units: int
) -> None:
    monkeypatch.setattr(batches, "SLICE", seconds)

    made = await answered(north, *creates(4), type="batch")

    assert statuses(made) == ["201"] * 4
    assert watch.units == units


async def test_what_was_done_before_the_disk_was_full_is_told_and_there(
    north: httpx.AsyncClient, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "SLICE", 0.0)
    watch.full_after = 2

    made = await answered(north, *creates(4), type="batch")
    nothing = await north.post("", content=bundle(*creates(4), type="batch"))

    watch.full_after = 1000
    assert statuses(made) == ["201", "201", "507", "507"]
    assert nothing.status_code == 507
    assert (await north.get("/Patient?_summary=count")).json()["total"] == 2


@pytest.mark.parametrize("database_kind", ["sqlite"])  # on PostgreSQL a unit keeps nobody else from writing
@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_patches_and_new_resources_are_made_beside_the_units(
    north: httpx.AsyncClient, watch: Watch, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    ids = [await created(north, patient(identifier=[{"value": f"old{n}"}])) for n in range(2)]
    seen: list[bool] = []
    for owner, name in ((Patch, "applied"), (drafts, "indexed"), (pages, "page")):
        monkeypatch.setattr(owner, name, noting(getattr(owner, name), watch, seen))
    wanted = (f"Patient/{ids[0]}", "Patient?identifier=old1")
    sent = [*(entry("PATCH", url, resource=to_male()) for url in wanted), *creates(2)]
    if kind == "batch":
        sent.append(entry("GET", "Patient?name:contains=usterf"))

    made = await answered(north, *sent, type=kind)

    assert statuses(made) == ["200", "200", "201", "201", "200"][: len(sent)]
    assert seen == [False] * len(sent)


def noting(function: Callable[..., Any], watch: Watch, seen: list[bool]) -> Callable[..., Any]:
    """The same function, which notes whether a unit is running when it is called."""

    def noted(*arguments: Any, **others: Any) -> Any:
        seen.append(watch.is_inside)
        return function(*arguments, **others)

    return noted


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_a_patch_that_was_overtaken_is_made_again_on_the_newer_version(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    id = await created(north, patient())
    patched = beside.patched

    async def overtaken(*arguments: Any) -> Any:
        made = await patched(*arguments)
        await north.put(f"/Patient/{id}", content=json.dumps(patient(id=id, birthDate="1999-01-01")))
        return made

    monkeypatch.setattr(beside, "patched", overtaken)
    made = await answered(north, entry("PATCH", f"Patient/{id}", resource=to_male()), type=kind)

    assert statuses(made) == ["200"]
    now = (await north.get(f"/Patient/{id}")).json()
    assert (now["birthDate"], now["gender"], now["meta"]["versionId"]) == ("1999-01-01", "male", "3")


async def test_a_hook_that_refuses_one_new_resource_leaves_the_others_of_its_group(
    database: Database, tmp_path: Path
) -> None:
    def no_others(session: Session, caller: Caller, change: Change) -> None:
        if change.after and change.after["gender"] == "other":
            raise Unprocessable

    store = record.store(tmp_path, hooks=[no_others])
    genders = ["male", "other", "female"]
    async with record.client(record.app(database, store)) as http:
        made = await answered(
            http, *(entry("POST", "Patient", resource=patient(gender=gender)) for gender in genders), type="batch"
        )

        assert statuses(made) == ["201", "422", "201"]
        assert made[1]["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[1]"]
        assert (await http.get("/Patient?_summary=count")).json()["total"] == 2


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_an_answer_has_room_for_so_many_bytes(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    id = await created(north, patient())
    size = len((await north.get(f"/Patient/{id}")).content)
    monkeypatch.setattr(costs, "MOST_ANSWERED", 2 * size)
    searched = entry("GET", "Patient?gender=female")

    answer = await north.post("", content=bundle(*[entry("GET", f"Patient/{id}")] * 2, searched, type=kind))

    if kind == "batch":
        assert statuses(answer.json()["entry"]) == ["200", "200", "422"]
    else:
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (422, "too-costly")


ASKED = st.sampled_from(
    [
        "create",
        "wrong",
        "unless",
        "update",
        "update absent",
        "patch",
        "patch wrongly",
        "read",
        "search",
        "walk",
        "delete",
    ]
)


def asked(what: str, id: str, mark: str) -> dict[str, Any]:
    """An entry about a patient, or about one with this mark."""
    new = patient(identifier=[{"value": mark}])
    wrong = to_male() | {"data": "W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL3gifV0="}  # remove /x, which is not there
    return {
        "create": entry("POST", "Observation", resource=observation(id)),
        "wrong": entry("POST", "Patient", resource=patient(hair=1)),
        "unless": entry("POST", "Patient", resource=new, request={"ifNoneExist": f"identifier={mark}"}),
        "update": entry("PUT", f"Patient/{id}", resource=new | {"id": id}),
        "update absent": entry("PUT", "Patient/none", resource=new | {"id": "none"}),
        "patch": entry("PATCH", f"Patient/{id}", resource=to_male()),
        "patch wrongly": entry("PATCH", f"Patient/{id}", resource=wrong),
        "read": entry("GET", f"Patient/{id}"),
        "search": entry("GET", f"Observation?patient={id}&_summary=count"),
        "walk": entry("GET", f"Patient?name:contains=usterf&identifier={mark}"),
        "delete": entry("DELETE", f"Patient/{id}"),
    }[what]


@given(wanted=st.lists(ASKED, min_size=1, max_size=8), slice=st.sampled_from([0.0, 100.0]))
@examples(12)
async def test_a_batch_is_as_if_each_entry_came_alone(
    north: httpx.AsyncClient, wanted: list[str], slice: float
) -> None:
    marks = [(await created(north, patient()))[:20] for _ in range(2)]
    first, second = [await created(north, patient()) for _ in range(2)]

    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(batches, "SLICE", slice)
        together = await answered(north, *(asked(what, first, marks[0]) for what in wanted), type="batch")
    alone = [(await answered(north, asked(what, second, marks[1]), type="batch"))[0] for what in wanted]

    assert statuses(together) == statuses(alone)
    log = [(await north.get(f"/AuditEvent?patient={id}&_summary=count")).json()["total"] for id in (first, second)]
    assert log[0] == log[1]
