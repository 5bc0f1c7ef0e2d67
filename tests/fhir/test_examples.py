"""The official R4 examples and the German ones go in and come back unchanged except for id and meta."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhir.models import SERVED


def content(body: bytes) -> list[tuple[str, Any]]:
    """All elements in their order, numbers as they were written, without id and meta."""
    elements = json.loads(body, parse_float=str, parse_int=str, object_pairs_hook=list)
    return [(key, value) for key, value in elements if key not in ("id", "meta")]


def meta(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body).get("meta", {})
    return {key: value for key, value in found.items() if key not in ("versionId", "lastUpdated")}


@pytest.mark.parametrize(("folder", "least"), [("examples", 200), ("german/*/examples", 30)])
async def test_examples_come_back_as_they_were_sent(
    north: httpx.AsyncClient, shared: Path, folder: str, least: int
) -> None:
    files = sorted((shared / "data/fhir-r4").glob(f"{folder}/*.json"))
    types = [(file, json.loads(file.read_bytes())["resourceType"]) for file in files]
    served = [(file, type) for file, type in types if type in SERVED]

    for file, type in served:
        sent = file.read_bytes()
        answer = await north.post(f"/{type}", content=sent)
        assert answer.status_code == 201, (file.name, answer.text[:500])
        read = await north.get(answer.headers["location"])
        if read.status_code == 405:  # AuditEvents have no versions
            read = await north.get(answer.headers["location"].split("/_history")[0])

        assert content(read.content) == content(sent), file.name
        assert meta(read.content) == meta(sent), file.name

    assert len(served) > least


async def test_the_invalid_example_is_refused_with_the_element_named(north: httpx.AsyncClient, shared: Path) -> None:
    sent = (shared / "data/fhir-r4/invalid/Questionnaire-qs1.json").read_bytes()

    answer = await north.post("/Questionnaire", content=sent)

    assert answer.status_code == 422
    assert "linkId" in answer.text
