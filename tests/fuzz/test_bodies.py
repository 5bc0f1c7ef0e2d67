"""Bodies, patches and Bundles that nobody should send."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir import codec
from tests.effort import examples
from tests.fhir.record import observation, patient
from tests.fuzz import spending
from tests.fuzz.asking import Asker, asking
from tests.fuzz.hostile import fragments, raw, spoiled, texts

SMALL = 20_000


@pytest.fixture
def database_kind() -> str:
    """A share of it all is asked on PostgreSQL too (`test_postgres.py`)."""
    return "sqlite"


@pytest.fixture
def asker(tmp_path: Path, database_url: str) -> Iterator[Asker]:
    with asking(tmp_path, database_url) as made:
        yield made


@pytest.fixture(scope="session")
def resources(shared: Path) -> list[dict[str, Any]]:
    """Official examples of every type, the small ones."""
    return small(shared)


@cache
def small(shared: Path) -> list[dict[str, Any]]:
    """The examples below a size, and what the tests make up themselves."""
    files = sorted((shared / "data" / "fhir-r4" / "examples").glob("*.json"))
    found: list[dict[str, Any]] = [json.loads(file.read_bytes()) for file in files if file.stat().st_size < SMALL]
    return [*found, patient(), observation("p-1")]


@given(data=st.data())
@examples(200)
def test_spoiled_resources(asker: Asker, resources: list[dict[str, Any]], data: st.DataObject) -> None:
    type, body = data.draw(spoiled(resources))
    path = data.draw(st.sampled_from([f"/{type}", f"/{type}/$validate"]))

    asker.ask("POST", path, content=body)


@given(data=st.data())
@examples(80)
def test_spoiled_updates_and_what_follows(asker: Asker, data: st.DataObject) -> None:
    resource = data.draw(st.sampled_from([patient(), observation("p-1")]))
    id = asker.create(resource)
    type, body = data.draw(spoiled([resource | {"id": id}]))

    asker.ask("PUT", f"/{type}/{id}", content=body)

    for path in (f"/{type}/{id}", f"/{type}/{id}/_history", f"/{type}?_id={id}"):
        assert asker.ask("GET", path).status == 200


@given(content=raw)
@examples(60)
def test_bytes(asker: Asker, content: bytes) -> None:
    for method, path in (("POST", "/Patient"), ("POST", ""), ("PATCH", "/Patient/1"), ("POST", "/Patient/$validate")):
        asker.ask(method, path, content=content)


PATHS = (
    "/name",
    "/name/0",
    "/name/-",
    "/name/99999999999999999999",
    "",
    "/",
    "//",
    "/~2",
    "/id",
    "/meta/versionId",
    "/resourceType",
)
OPS = ("add", "remove", "replace", "move", "copy", "test", "unicorn")


@st.composite
def json_patches(draw: st.DrawFn) -> str:
    """JSON Patches, nearly right."""
    steps = []
    for _ in range(draw(st.integers(1, 4))):
        paths = st.sampled_from(PATHS) | texts
        step = {"op": draw(st.sampled_from(OPS)), "path": draw(paths), "from": draw(paths)}
        steps.append(json.dumps(step)[:-1] + f', "value": {draw(fragments)}}}')
    return f"[{','.join(steps)}]"


@st.composite
def fhirpath_patches(draw: st.DrawFn) -> str:
    """FHIRPath Patches, nearly right."""
    paths = st.sampled_from(
        [
            "Patient.name",
            "Patient.name[0].family",
            "Patient",
            "name.where(use='official')",
            "Patient.name[",
            "1+1",
            "Patient.repeat(name)",
            "Patient.extension('x').value",
        ]
    )
    parts = [
        {"name": "type", "valueCode": draw(st.sampled_from(["add", "insert", "delete", "replace", "move", "unicorn"]))},
        {"name": "path", "valueString": draw(paths | texts)},
        {"name": "name", "valueString": draw(st.sampled_from(["family", "name", "id", "meta"]) | texts)},
        {"name": "index", "valueInteger": draw(st.integers())},
    ]
    operation = json.dumps({"name": "operation", "part": parts})
    more = f', {{"name": "value", "valueString": {draw(fragments)}}}]'
    return f'{{"resourceType":"Parameters","parameter":[{operation[:-2]}{more}}}]}}'


@given(data=st.data())
@examples(120)
def test_patches(asker: Asker, data: st.DataObject) -> None:
    id = asker.create(patient())
    kind = data.draw(st.sampled_from(["application/json-patch+json", "application/fhir+json"]))
    patch = data.draw(json_patches() if "patch" in kind else fhirpath_patches())

    asker.ask("PATCH", f"/Patient/{id}", content=patch.encode("utf-8", "surrogatepass"), headers={"content-type": kind})

    assert asker.ask("GET", f"/Patient/{id}").status == 200


OPERATIONS: dict[str, dict[str, Any]] = {
    "$meta-add": {"name": "meta", "valueMeta": {"tag": [{"system": "a", "code": "b"}], "profile": ["http://a"]}},
    "$meta-delete": {"name": "meta", "valueMeta": {"security": [{"system": "a", "code": "b"}]}},
    "$validate": {"name": "mode", "valueCode": "update"},
    "$everything": {"name": "start", "valueDate": "2026-01-01"},
}


@given(data=st.data())
@examples(80)
def test_parameters(asker: Asker, data: st.DataObject) -> None:
    id = asker.create(patient(meta={"tag": [{"system": "a", "code": "b"}]}))
    operation = data.draw(st.sampled_from(sorted(OPERATIONS)))
    parts = [OPERATIONS[operation], {"name": "resource", "resource": patient(id=id)}][: 2 if "val" in operation else 1]
    _, body = data.draw(spoiled([{"resourceType": "Parameters", "parameter": parts}]))

    asker.ask("POST", f"/Patient/{id}/{operation}", content=body)

    assert asker.ask("GET", f"/Patient/{id}/$meta").status == 200


URLS = (
    "Patient",
    "Patient/1",
    "Patient?identifier=a|b",
    "Patient?",
    "Unicorn",
    "/",
    "",
    "Patient/$everything",
    "Observation?patient=urn:uuid:1",
    "http://elsewhere/Patient/1",
    "metadata",
    "_history",
    "Patient/1/_history/1",
)


@st.composite
def bundles(draw: st.DrawFn, resources: list[dict[str, Any]]) -> bytes:
    """Batches and transactions, nearly right."""
    entries = []
    for _ in range(draw(st.integers(0, 4))):
        parts = []
        if draw(st.booleans()):
            parts.append(f'"resource": {draw(spoiled(resources))[1].decode("utf-8", "surrogatepass")}')
        if draw(st.booleans()):
            url = draw(st.sampled_from(["urn:uuid:00000000-0000-4000-8000-000000000001"]) | texts)
            parts.append(f'"fullUrl": {json.dumps(url)}')
        request = {
            "method": draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "BREW", ""])),
            "url": draw(st.sampled_from(URLS) | texts),
        }
        for name in draw(
            st.lists(st.sampled_from(["ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince"]), max_size=2)
        ):
            request[name] = draw(texts | st.sampled_from(['W/"1"', "*", "identifier=a|b", "2026-01-01T00:00:00Z"]))
        parts.append(f'"request": {json.dumps(request)}')
        entries.append("{" + ",".join(parts) + "}")
    kind = draw(st.sampled_from(["batch", "transaction", "collection", "unicorn"]))
    return f'{{"resourceType":"Bundle","type":"{kind}","entry":[{",".join(entries)}]}}'.encode("utf-8", "surrogatepass")


@given(data=st.data())
@examples(150)
def test_bundles(asker: Asker, resources: list[dict[str, Any]], data: st.DataObject) -> None:
    asker.ask("POST", "", content=data.draw(bundles(resources)))


def test_a_500_and_a_hang_are_seen(asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(codec, "parse", lambda *_, **__: 1 / 0)
        with pytest.raises(AssertionError, match="500"):
            asker.ask("POST", "/Patient", content=b"{}")
    monkeypatch.setattr(spending, "SECONDS", 0.0)
    with pytest.raises(AssertionError, match="took"):
        asker.ask("GET", "/Patient/1")
