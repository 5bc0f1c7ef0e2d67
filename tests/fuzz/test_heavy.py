"""The largest bodies that are let in: the serving process spends neither much time on one of them nor much memory."""

import asyncio
import os
from collections.abc import Sequence
from mmap import mmap
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.crash.server import prepared, serving
from tests.effort import EFFORT
from tests.fhir.record import patient
from tests.fuzz import heavy, spending
from tests.fuzz.heavy import Heavy, There, bundle, entry
from tests.fuzz.spending import TRIES, Meter, Spent

WAIT = 60  # seconds for an answer of a busy machine; what it may cost is measured


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_no_body_within_the_limits_costs_more_than_is_promised(empty_database_url: str, tmp_path: Path) -> None:
    settings, client = await prepared(tmp_path, empty_database_url)
    with serving(settings, client) as server:
        server.start()
        token = await asyncio.to_thread(server.token)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=f"{server.base}/fhir", headers=headers, timeout=WAIT) as http:
            there = await filled(http)
            sent = [
                *heavy.bundles(there),
                *heavy.refused(),
                *heavy.singles(),
                *(heavy.more(there) if EFFORT > 1 else ()),
            ]
            spent = {each.name: await cost(http, server.pid, each) for each in sent}
        server.kill()
        server.reap()

    assert {name: each for name, each in spent.items() if each.is_too_much} == {}


async def cost(http: httpx.AsyncClient, pid: int, sent: Heavy) -> Spent:
    """What the server spends on the request; the least of a few times where one would be too much."""
    found = []
    for _ in range(TRIES):
        meter = Meter(pid)
        answer = await http.request(sent.method, sent.path, content=sent.body, headers={"content-type": sent.kind})
        found.append(meter.read())
        assert answer.status_code < 500, (sent.name, answer.text[:300])
        if not spending.takes_too_long(found[-1].seconds):
            break
    return Spent(found[-1].seconds, max(one.kibibytes for one in found))


async def filled(http: httpx.AsyncClient) -> There:
    """What is there before the heavy bodies come."""
    small = [patient(identifier=[{"value": str(n)}]) for n in range(heavy.ENTRIES)]
    large = [*await made(http, [heavy.LARGE] * 10), *await made(http, [heavy.LARGE] * 10)]
    return There(await made(http, small), large, (await made(http, [heavy.WIDE]))[0])


async def made(http: httpx.AsyncClient, resources: Sequence[dict[str, Any]]) -> list[str]:
    """The ids of new patients."""
    sent = bundle("transaction", "patients", [entry("POST", "Patient", one) for one in resources])
    answer = await http.post("/", content=sent.body, headers={"content-type": sent.kind})
    assert answer.status_code == 200, answer.text[:300]
    return [one["response"]["location"].split("/")[-3] for one in answer.json()["entry"]]


def test_what_costs_too_much_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Meter(os.getpid())
    with mmap(-1, 20_000_000) as held:
        held.write(b"x" * 20_000_000)
        spent = meter.read()

    assert not spent.is_too_much
    with monkeypatch.context() as small:
        small.setattr(spending, "KIBIBYTES", 10_000)
        assert spent.is_too_much
    monkeypatch.setattr(spending, "SECONDS", 0.0)
    assert Spent(0.01, 0).is_too_much
