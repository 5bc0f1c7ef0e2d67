"""What is large is looked at while others are served, and a Bundle patches no more than it could bring along."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fhir import costs
from fhir.interactions.record import LARGE
from tests.fhir.interactions.test_transactions import answered, statuses, to_male
from tests.fhir.record import created, patient
from tests.fhir.test_bundles import bundle, entry

JSON_PATCH = {"content-type": "application/json-patch+json"}


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def of_size(size: int, **others: Any) -> dict[str, Any]:
    return patient(contact=[{"name": {"text": "x" * size}}], **others)


def parameters(name: str, key: str, value: Any) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": name, key: value}]}


def to_other(size: int) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": "/contact", "value": [{"name": {"text": "y" * size}}]}]


WAYS: dict[str, tuple[str, str, Callable[[int], Any]]] = {
    "create": ("POST", "/Patient", of_size),
    "validate": ("POST", "/Patient/$validate", of_size),
    "validate in parameters": (
        "POST", "/Patient/$validate", lambda size: parameters("resource", "resource", of_size(size))
    ),
    "patch": ("PATCH", "/Patient/{id}", to_other),
    "labels": (
        "POST", "/Patient/{id}/$meta-add", lambda size: parameters("meta", "valueMeta", {"tag": [{"display": "x" * size}]})
    ),
}  # fmt: skip


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was done in another thread than the event loop's."""
    found, original = list[Any](), asyncio.to_thread

    async def noted(work: Callable[..., Any], *given: Any) -> Any:
        found.append(work)
        return await original(work, *given)

    monkeypatch.setattr(asyncio, "to_thread", noted)
    return found


@pytest.mark.parametrize("way", WAYS)
async def test_a_large_body_is_looked_at_beside_the_event_loop(
    north: httpx.AsyncClient, moved: list[Any], way: str
) -> None:
    id = await created(north, patient(contact=[{"name": {"text": "a"}}]))
    method, path, body = WAYS[way]

    async def sent(size: int) -> int:
        headers = JSON_PATCH if method == "PATCH" else {}
        address = path.replace("{id}", id)
        return (await north.request(method, address, content=json.dumps(body(size)), headers=headers)).status_code

    assert (await sent(10), moved) == (201 if way == "create" else 200, [])
    assert await sent(LARGE) < 300 and moved


@pytest.mark.parametrize(
    ("method", "path"),
    [("PATCH", "/Patient/{id}"), ("PATCH", "/Patient?gender=female"), ("GET", "/Patient/{id}/$validate")],
)
async def test_a_large_resource_is_patched_and_validated_beside_the_event_loop(
    north: httpx.AsyncClient, moved: list[Any], method: str, path: str
) -> None:
    id = await created(north, of_size(LARGE))
    moved.clear()
    change = json.dumps([{"op": "replace", "path": "/gender", "value": "male"}]) if method == "PATCH" else None

    answer = await north.request(method, path.replace("{id}", id), content=change, headers=JSON_PATCH)

    assert (answer.status_code, len(moved)) == (200, 1)


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_the_patches_of_a_bundle_have_a_limit_together(
    north: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    ids = [await created(north, of_size(1000)) for _ in range(3)]
    monkeypatch.setattr(costs, "MOST_EFFORT", 20)
    patches = [entry("PATCH", f"Patient/{id}", resource=to_male()) for id in ids]

    assert statuses(await answered(north, *patches[:2], type=kind)) == ["200", "200"]
    many = await north.post("", content=bundle(*patches, type=kind))
    if kind == "transaction":
        assert (many.status_code, many.json()["issue"][0]["code"]) == (422, "too-costly")
    else:
        assert statuses(many.json()["entry"]) == ["200", "200", "422"]
