"""The official R4 examples go in and come back unchanged except for id and meta."""

import json
from pathlib import Path
from typing import Any

import httpx

from fhir.models import SERVED


def content(body: bytes) -> list[tuple[str, Any]]:
    """All elements in their order, numbers as they were written, without id and meta."""
    elements = json.loads(body, parse_float=str, parse_int=str, object_pairs_hook=list)
    return [(key, value) for key, value in elements if key not in ("id", "meta")]


def meta(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body).get("meta", {})
    return {key: value for key, value in found.items() if key not in ("versionId", "lastUpdated")}


async def test_official_examples_come_back_as_they_were_sent(north: httpx.AsyncClient, shared: Path) -> None:
    files = sorted((shared / "data/fhir-r4/examples").glob("*.json"))
    served = [file for file in files if file.name.split("-")[0] in SERVED]

    for file in served:
        sent = file.read_bytes()
        answer = await north.post(f"/{file.name.split('-')[0]}", content=sent)
        assert answer.status_code == 201, (file.name, answer.text[:500])
        read = await north.get(answer.headers["location"])
        if read.status_code == 405:  # AuditEvents have no versions
            read = await north.get(answer.headers["location"].split("/_history")[0])

        assert content(read.content) == content(sent), file.name
        assert meta(read.content) == meta(sent), file.name

    assert len(served) > 200


async def test_the_invalid_example_is_refused_with_the_element_named(north: httpx.AsyncClient, shared: Path) -> None:
    sent = (shared / "data/fhir-r4/invalid/Questionnaire-qs1.json").read_bytes()

    answer = await north.post("/Questionnaire", content=sent)

    assert answer.status_code == 422
    assert "linkId" in answer.text
