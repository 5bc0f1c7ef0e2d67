"""Bodies far beyond the limits, over a real socket: refused in the form of the address, and the connection goes on."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.settings import Environment, Settings
from tests.fixtures.processes import free_port
from tests.telemed.service import FHIR, Service, listening

PIECE, PIECES = bytes(65_536), 480  # 30 MB
FORM = "application/x-www-form-urlencoded"
PROBLEM = "application/problem+json"
# Address, content type, and in which form the refusal comes.
ASKED = [
    ("/fhir/Patient", FHIR, FHIR),
    ("/fhir", FHIR, FHIR),
    ("/j", "application/json", PROBLEM),
    ("/j", FORM, PROBLEM),
    ("/oauth/token", FORM, "application/json"),
]


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    """A service on a socket of its own."""
    base = f"http://localhost:{free_port()}"
    async with listening(
        Settings(environment=Environment.DEMO, data_dir=tmp_path, database_url=database_url, base_url=base)
    ) as started:
        yield started


def pieces() -> Iterator[bytes]:
    for _ in range(PIECES):
        yield PIECE


def send(port: int, path: str, headers: dict[str, str]) -> tuple[int, str, bytes, int]:
    """Status, type and body of the answer to a client that sends all before it reads, and the status of another."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    chunked = "Content-Length" not in headers
    connection.request("POST", path, pieces(), headers, encode_chunked=chunked)
    answer = connection.getresponse()
    told = answer.status, answer.headers["Content-Type"], answer.read()
    connection.request("GET", "/livez")
    alive = connection.getresponse().status
    connection.close()
    return *told, alive


@pytest.mark.parametrize("length", [{"Content-Length": str(len(PIECE) * PIECES)}, {"Transfer-Encoding": "chunked"}])
async def test_a_body_of_thirty_megabytes_is_refused_in_the_form_of_its_address(
    service: Service, length: dict[str, str]
) -> None:
    port = urlsplit(service.services.settings.base_url).port
    assert port is not None
    bearer = {"Authorization": f"Bearer {await service.token('clinic-a')}"}

    for path, kind, form in ASKED:
        status, told, body, alive = await asyncio.to_thread(send, port, path, bearer | length | {"Content-Type": kind})

        assert (status, told, alive) == (413, form, 200), path
        assert b"larger than the limit of" in body
        if form == FHIR:
            assert json.loads(body)["issue"][0]["code"] == "too-long"
        if path == "/oauth/token":
            assert json.loads(body)["error"] == "invalid_request"
