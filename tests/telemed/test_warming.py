"""The first requests of a start, which come while it still imports what it left for later."""

import asyncio
import sys
from pathlib import Path

import httpx

from tests.architecture.tree import ROOT
from tests.crash.server import prepared
from tests.fixtures.processes import answers, free_port, running

RESOURCES = (
    {"resourceType": "Patient", "name": [{"family": "Probe"}]},
    {"resourceType": "Organization", "name": "Praxis"},
    {"resourceType": "Observation", "status": "final", "code": {"text": "Puls"}},
    {"resourceType": "Questionnaire", "status": "draft"},
    {"resourceType": "Task", "status": "requested", "intent": "order"},
    {"resourceType": "Patient", "birthDate": "gestern"},
)
ROUNDS = 3


async def test_requests_that_come_before_a_start_has_warmed_up_are_answered_as_later_ones(tmp_path: Path) -> None:
    settings, client = await prepared(tmp_path, f"sqlite:///{tmp_path}/record.sqlite3")
    port = free_port()
    known = {"ENVIRONMENT": "demo", "DATA_DIR": str(tmp_path), "DATABASE_URL": settings.database}
    variables = [f"TELEMED_{name}={value}" for name, value in known.items()]
    serve = ["env", "-C", str(ROOT), *variables, sys.executable, "-m", "telemed", "serve", "--port", str(port)]

    with running(serve, tmp_path / "log", ready=lambda: answers(port)):
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            form = client.form(assertion=client.assertion(aud=f"{settings.base_url}/oauth/token"))
            token = (await http.post("/oauth/token", data=form)).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
            asked = [
                http.post(f"/fhir/{body['resourceType']}", json=body, headers=headers) for body in RESOURCES * ROUNDS
            ]
            statuses = [answer.status_code for answer in await asyncio.gather(*asked)]

    assert statuses == [201, 201, 201, 201, 201, 422] * ROUNDS
