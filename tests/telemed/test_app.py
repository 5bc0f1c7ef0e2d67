"""The application as a whole: what is open, what is guarded, what every answer carries."""

import asyncio

import pytest
from fastapi import APIRouter, FastAPI

from telemed import health
from telemed.app import GUARDS, PUBLIC
from telemed.guards import UnguardedRouteError, guarded_paths, require_guards
from tests.telemed.service import BASE, FHIR, Service

PATIENT = b'{"resourceType":"Patient","name":[{"family":"Probe"}],"birthDate":"1970-01-01"}'


async def test_a_system_with_a_token_writes_and_reads_a_patient(service: Service) -> None:
    clinic = await service.system("clinic-a")

    created = await clinic.post("/fhir/Patient", content=PATIENT)
    read = await clinic.get(created.headers["location"].removesuffix("/_history/1"))

    assert created.status_code == 201
    assert read.json()["birthDate"] == "1970-01-01"
    assert read.headers["cache-control"] == "no-store"


async def test_another_clinics_patient_looks_exactly_like_an_absent_one(service: Service) -> None:
    clinic, stranger = await service.system("clinic-a"), await service.system("clinic-b")
    created = await clinic.post("/fhir/Patient", content=PATIENT)

    foreign = await stranger.get(f"/fhir/Patient/{created.json()['id']}")
    absent = await stranger.get("/fhir/Patient/nobody")

    assert foreign.status_code == absent.status_code == 404
    assert foreign.content == absent.content


@pytest.mark.parametrize(
    ("path", "body", "key"),
    [
        ("Patient", b'{"resourceType":"Patient","gender":"male","gender":"female"}', "gender"),
        ("Patient", b'{"resourceType":"Patient","name":[{"family":"A","family":"B"}]}', "family"),
        ("", b'{"resourceType":"Bundle","type":"batch","entry":[],"entry":[]}', "entry"),
        ("Appointment/$book", b'{"resourceType":"Parameters","parameter":[],"parameter":[]}', "parameter"),
    ],
)
async def test_a_key_that_stands_twice_is_a_400_that_names_it(
    service: Service, path: str, body: bytes, key: str
) -> None:
    clinic = await service.system("clinic-a")

    answer = await clinic.post(f"/fhir/{path}".rstrip("/"), content=body)

    assert (answer.status_code, answer.headers["content-type"]) == (400, FHIR)
    assert f"The key {key} stands twice" in answer.json()["issue"][0]["diagnostics"]


async def test_a_scope_that_is_missing_is_a_403_with_an_outcome(service: Service) -> None:
    clinic = await service.system("clinic-a", scope="system/Patient.rs")

    answer = await clinic.post("/fhir/Patient", content=PATIENT)

    assert answer.status_code == 403
    assert answer.headers["content-type"] == FHIR
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("authorization", "told", "code"),
    [
        ("", "has no token", False),
        ("Basic bm9uc2Vuc2U=", "must be Bearer and a token", False),
        ("bm9uc2Vuc2U", "must be Bearer and a token", False),
        ("Bearer", "not one of this server", True),
        ("Bearer bm9uc2Vuc2U", "not one of this server", True),
        ("Bearer a.bm9uc2Vuc2U.c", "not one of this server", True),
    ],
)
async def test_without_a_valid_token_the_record_is_closed_and_says_why_and_where_to_get_one(
    service: Service, authorization: str, told: str, *, code: bool
) -> None:
    answer = await service.http.get("/fhir/Patient/x", headers={"Authorization": authorization})

    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="telemed"')
    assert ('error="invalid_token", error_description="' in challenge, "error" in challenge) == (code, code)
    [issue] = answer.json()["issue"]
    assert told in issue["diagnostics"] and f"{BASE}/fhir/.well-known/smart-configuration" in issue["diagnostics"]
    assert "bm9uc2Vuc2U" not in answer.text + challenge


async def test_the_service_is_ready_while_database_keys_and_worker_answer(service: Service) -> None:
    await until_ready(service)

    assert (await service.http.get("/livez")).status_code == 200


async def test_a_full_disk_is_not_ready(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    await until_ready(service)
    monkeypatch.setattr(health, "ROOM", 2**63)

    answer = await service.http.get("/readyz")

    assert (answer.status_code, answer.json()["failing"]) == (503, ["disk"])


async def test_head_is_get_without_its_body(service: Service) -> None:
    for path in ("/", "/j", "/livez", "/oauth/jwks.json", "/nothing-here"):
        whole, head = await service.http.get(path), await service.http.head(path)

        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]


async def test_no_answer_sends_on_to_the_host_that_a_request_names(service: Service) -> None:
    for path in ("/j/", "/console/", "/fhir/metadata/"):
        answer = await service.http.get(path, headers={"Host": "elsewhere.example"})

        assert "elsewhere" not in str(answer.headers) + answer.text


async def test_every_answer_carries_the_security_headers(service: Service) -> None:
    for path in ("/livez", "/fhir/Patient/x", "/nothing-here", "/fhir/metadata"):
        headers = (await service.http.get(path)).headers

        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == ("no-cache" if path == "/fhir/metadata" else "no-store")
        assert "camera=(self)" in headers["permissions-policy"]
        assert headers["x-request-id"]


async def test_problems_outside_the_record_are_problem_json(service: Service) -> None:
    answer = await service.http.get("/nothing-here")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_no_route_is_both_public_and_guarded(service: Service) -> None:
    assert not set(PUBLIC) & guarded_paths(service.app.routes, guards=GUARDS)


def test_a_route_without_a_guard_is_refused_by_name() -> None:
    bare = APIRouter()

    @bare.get("/forgotten")
    async def forgotten() -> None: ...

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(bare)

    with pytest.raises(UnguardedRouteError, match="/forgotten"):
        require_guards(app.routes, guards=GUARDS, public=PUBLIC)


async def until_ready(service: Service) -> None:
    """Ask until the worker inside has shown itself."""
    async with asyncio.timeout(10):
        answer = await service.http.get("/readyz")
        while answer.status_code != 200:
            answer = await service.http.get("/readyz")


async def test_metadata_names_the_operations_that_answer(service: Service) -> None:
    said = (await service.http.get("/fhir/metadata")).json()["rest"][0]["resource"]
    [appointment] = [resource for resource in said if resource["type"] == "Appointment"]
    names = {operation["name"] for operation in appointment["operation"]}
    booking = {"book", "cancel", "find", "hold"}

    assert booking <= names
    for name in booking:
        assert (await service.http.post(f"/fhir/Appointment/${name}")).status_code == 401
