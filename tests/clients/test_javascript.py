"""fhir-kit-client and fhirclient.js do their daily work: create, search, page, update with If-Match, patch, transaction."""

from pathlib import Path

import pytest

from tests.clients.conftest import Server
from tests.clients.people import FAMILY, GIVEN, patient, transaction
from tests.fixtures.javascript import JavaScript

HERE = Path(__file__).parent

SCRIPTS = {"fhir-kit-client": "kit.mjs", "fhirclient.js": "smart.mjs"}


@pytest.mark.parametrize("client", SCRIPTS)
async def test_client(server: Server, javascript: JavaScript, client: str) -> None:
    patients = [patient(given) for given in GIVEN]
    order = {"base": server.base, "token": server.token, "family": FAMILY, "patients": patients}

    said = await javascript.run(HERE / SCRIPTS[client], client=client, transaction=transaction(), **order)

    assert said["found"] == [said["made"][GIVEN.index("Cem")]]
    assert [len(page) for page in said["pages"]] == [2, 2, 1]
    assert sorted(id for page in said["pages"] for id in page) == sorted(said["made"])
    assert (said["version"], said["stale"]) == ("2", 412)
    assert said["patched"] == "female"
    assert said["linked"] == [True]
