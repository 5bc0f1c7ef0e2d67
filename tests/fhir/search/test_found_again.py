"""Every official and German example is found by every parameter that has a value in it."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhir.search.definitions import PARAMETERS
from fhir.search.extraction import extract
from tests.effort import repetitions
from tests.fhir.search.asking import Pairs, pairs
from tests.fhir.search.test_extraction import resources


def searches(type: str, data: dict[str, Any]) -> list[tuple[str, Pairs]]:
    """For each parameter, a search by each value that the resource has."""
    found = []
    for name, values in extract(type, data).items():
        for value in values:
            if asked := pairs(PARAMETERS[type].parameters[name], value):
                found.append((name, asked))
    return found


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_every_example_is_found_by_every_parameter(north: httpx.AsyncClient, shared: Path) -> None:
    waiting: dict[tuple[str, str], list[tuple[str, Pairs]]] = defaultdict(list)
    for file, data in resources(shared):
        type = data["resourceType"]
        answer = await north.post(f"/{type}", content=file.read_bytes())
        assert answer.status_code == 201, (file.name, answer.text)
        id = answer.json()["id"]
        for name, asked in searches(type, data):
            waiting[type, name].append((id, asked))

    for (type, name), all_asked in waiting.items():
        for id, asked in all_asked[: repetitions(1)]:
            answer = await north.get(f"/{type}", params=[*asked, ("_count", "500"), ("_sort", "_lastUpdated")])
            assert answer.status_code == 200, (type, asked, answer.text)
            ids = [entry["resource"]["id"] for entry in answer.json().get("entry", ())]
            assert id in ids, (type, name, asked)

    assert len(waiting) > 350
