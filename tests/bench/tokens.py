"""Telling whose an access token is, in this process: known already, and looked up anew with its signature verified."""

import time
from pathlib import Path
from statistics import median
from typing import Final

from infra.clock import SystemClock
from infra.database import open_database
from infra.vault import FileKeyProvider, Vault
from telemed.identity.clients import register
from telemed.identity.standing import TokenCheck
from telemed.identity.tokens import TokenIssuer
from tests.bench import bars
from tests.bench.figures import Figure, limited, number
from tests.telemed.identity.signing import Client, ec_key

ROUNDS: Final = 5
ISSUER: Final = "https://telemed.example"


async def run(folder: Path, *, checks: int = 20_000) -> list[Figure]:
    """The line: microseconds for a known token; in its note, what the first look at one costs."""
    clock, vault = SystemClock(), Vault(FileKeyProvider(folder / "tokens.json"))
    database = open_database(f"sqlite:///{folder / 'tokens.sqlite3'}")
    await database.create_all()
    issuer = TokenIssuer(vault, issuer=ISSUER, audience=f"{ISSUER}/fhir", clock=clock)
    await issuer.load(database)
    system, now = Client("bench-system", ec_key()), clock.now()
    await database.write(
        lambda session: (
            register(session, client_id=system.client_id, tenant="a", scope="system/*.rs", now=now, jwks=system.jwks)
            and None
        )
    )
    token = issuer.sign(tenant="a", client_id=system.client_id, scope="system/*.rs")
    began = time.process_time()
    assert await TokenCheck(issuer, (), clock).find(database, token) is not None
    first = (time.process_time() - began) * 1e6
    spent = []
    for _ in range(ROUNDS):
        # Found anew for each round, as what is found is believed for seconds only.
        check = TokenCheck(issuer, (), clock)
        await check.find(database, token)
        began, known = time.process_time(), 0
        for _ in range(checks):
            known += check.known(token) is not None
        spent.append((time.process_time() - began) / checks * 1e6)
        assert known == checks
    await database.close()
    note = f"looked up anew {number(first)} us"
    return [limited("whose a known access token is", median(spent), "us CPU", most=bars.TOKEN, note=note)]
