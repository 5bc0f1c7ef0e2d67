"""A data key that a lost group of writes made is known to nobody afterwards: what it sealed could never be read again."""

import json

import pytest

from infra.vault import Vault
from tests.fhir.record import observation
from tests.telemed.keys.patients import registered, status
from tests.telemed.service import Service


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_the_vault_forgets_keys_when_a_group_of_writes_is_lost(service: Service) -> None:
    http, vault = await service.system("a"), service.services.vault
    id = await registered(http, "Muster", treated=True)
    assert vault._opened

    for forget in service.services.database.on_lost:
        forget()

    assert not vault._opened and not vault._scopes
    assert isinstance(vault, Vault) and await status(http, id) == 200
    assert (await http.post("/fhir/Observation", content=json.dumps(observation(id)))).status_code == 201
