"""Random sequences of writes, compared with a dict that keeps all versions."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.history import Asked, of_resource
from fhir.store import Store
from infra.database import Database
from infra.problems import Gone, Problem, StaleVersion
from tests.fhir.record import caller, parsed, patient

Genders = Literal["male", "female", "other", "unknown"]


@dataclass(frozen=True)
class Step:
    kind: Literal["create", "update", "update on version", "delete"]
    which: int
    gender: Genders
    version: int


STEPS = st.lists(st.builds(Step, which=st.integers(0, 3), version=st.integers(1, 3)), max_size=12)
Model = dict[str, list[str | None]]


async def apply(database: Database, store: Store, step: Step, *, model: Model) -> None:
    """Do the step in the store and in the model; the model says what must happen."""
    if step.kind == "create" or not model:
        made = await database.write(lambda s: store.create(s, caller(), parsed(patient(gender=step.gender))))
        model[made.id] = [step.gender]
        return
    id = list(model)[step.which % len(model)]
    versions, body = model[id], parsed(patient(id=id, gender=step.gender))
    if step.kind == "delete":
        await database.write(lambda s: store.delete(s, caller(), "Patient", id))
        versions += [None] if versions[-1] is not None else []
        return
    if_match = step.version if step.kind == "update on version" else None
    refusal: type[Problem] | None = None
    if versions[-1] is None:
        refusal = Gone
    elif if_match is not None and if_match != len(versions):
        refusal = StaleVersion
    if refusal is not None:
        with pytest.raises(refusal):
            await database.write(lambda s: store.update(s, caller(), "Patient", id, body, if_match=if_match))
        return
    await database.write(lambda s: store.update(s, caller(), "Patient", id, body, if_match=if_match))
    versions.append(step.gender)


@given(steps=STEPS)
async def test_the_store_holds_what_a_dict_of_versions_holds(
    database: Database, store: Store, steps: list[Step]
) -> None:
    model: Model = {}
    for step in steps:
        await apply(database, store, step, model=model)

    for id, versions in model.items():
        asked = Asked(count=len(versions))
        history = partial(of_resource, store, caller=caller(), type="Patient", id=id, asked=asked)
        found = await database.write(history)
        kept = [stored.data.get("gender") for stored in reversed(found.entries)]
        assert kept == versions
        assert [stored.version for stored in reversed(found.entries)] == list(range(1, len(versions) + 1))
        for number in [n for n, gender in enumerate(versions, 1) if gender is not None]:
            read = partial(store.vread, caller=caller(), type="Patient", id=id, version=number)
            assert (await database.write(read)).data["gender"] == versions[number - 1]
