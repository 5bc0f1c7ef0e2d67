"""Too many requests: refused in the form of their path, for whoever asks too often and nobody else."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.caller import Caller, Role
from infra.rates import Counter, Failures
from infra.rates.permits import TooManyRequests
from infra.settings import Settings
from telemed.gate import Kind, kind_of, rates_of
from telemed.identity.failures import PER_NAME, FailureLimit, TooManyFailures
from tests.telemed.service import BASE, Service, demo_settings, running

REFUSED = 429


@pytest.fixture
def database_kind() -> str:
    """One is enough: no limit is counted in a database."""
    return "sqlite"


@asynccontextmanager
async def limited(folder: Path, url: str, **changed: str) -> AsyncIterator[Service]:
    """The service with other limits."""
    settings = demo_settings(folder, url).model_copy(update=changed)
    async with running(settings) as service:
        yield service


def browser_at(service: Service, address: str, **headers: str) -> httpx.AsyncClient:
    """A browser at an address."""
    transport = httpx.ASGITransport(service.app, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers)


async def statuses(browser: httpx.AsyncClient, path: str, count: int, *, method: str = "GET") -> list[int]:
    """The statuses of so many requests, one after the other."""
    return [(await browser.request(method, path)).status_code for _ in range(count)]


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/fhir/Patient/1", Kind.FHIR),
        ("POST", "/oauth/token", Kind.TOKEN),
        ("GET", "/j", Kind.PAGES),
        ("POST", "/j", Kind.CODE),
        ("POST", "/my/sign-in", Kind.SIGN_IN),
        ("GET", "/console/sign-in/abc", Kind.SIGN_IN),
        ("GET", "/console", Kind.PAGES),
        ("POST", "/nowhere", Kind.PAGES),
        ("GET", "", Kind.PAGES),
        ("GET", "/readyz", None),
        ("GET", "/assets/1/style/style.css", None),
    ],
)
def test_each_path_counts_as_one_kind(method: str, path: str, kind: Kind | None) -> None:
    assert kind_of(method, path) is kind


async def test_a_refusal_under_fhir_is_an_operation_outcome_with_retry_after(tmp_path: Path, database_url: str) -> None:
    async with limited(tmp_path, database_url, rate_fhir="3/minute") as service:
        assert await statuses(service.http, "/fhir/metadata", 3) == [200] * 3
        for path in ("/fhir/metadata", "/fhir/Patient/1", "/fhir/Patient"):
            answer = await service.http.get(path)

            assert answer.status_code == REFUSED
            assert answer.json()["issue"][0]["code"] == "throttled"
            assert answer.headers["content-type"].startswith("application/fhir+json")
            assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_a_refusal_elsewhere_is_a_line_for_people_and_problem_json_for_programs(
    tmp_path: Path, database_url: str
) -> None:
    async with limited(tmp_path, database_url, rate_pages="2/minute") as service:
        await statuses(service.http, "/", 2)

        page = await service.http.get("/", headers={"Accept": "text/html", "Accept-Language": "de"})
        data = await service.http.get("/", headers={"Accept": "application/json"})

    assert (page.status_code, data.status_code) == (REFUSED, REFUSED)
    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Bitte warten Sie" in page.text
    assert data.headers["content-type"] == "application/problem+json"
    assert page.headers["retry-after"] == data.headers["retry-after"] == "5"
    assert page.headers["cache-control"] == "no-store"


async def test_a_refusal_at_the_token_endpoint_is_an_oauth_error(tmp_path: Path, database_url: str) -> None:
    async with limited(tmp_path, database_url, rate_token="2/minute") as service:
        await statuses(service.http, "/oauth/token", 2, method="POST")
        answer = await service.http.post("/oauth/token")

    assert answer.status_code == REFUSED
    assert answer.json()["error"] == "temporarily_unavailable"
    assert "retry-after" in answer.headers


async def test_codes_are_tried_only_so_often_from_one_address(tmp_path: Path, database_url: str) -> None:
    async with limited(tmp_path, database_url, rate_code="3/minute") as service:
        form = {"code": "0000-0000-0000", "birth_date": "unreadable"}
        told = [(await service.http.post("/j", data=form)).status_code for _ in range(4)]

        assert told == [422, 422, 422, REFUSED]
        assert (await service.http.get("/j")).status_code == 200


async def test_nobody_locks_out_another_address(tmp_path: Path, database_url: str) -> None:
    async with (
        limited(tmp_path, database_url, rate_pages="3/minute") as service,
        browser_at(service, "192.0.2.1") as loud,
        browser_at(service, "192.0.2.2") as calm,
    ):
        assert REFUSED in await statuses(loud, "/", 10)
        assert await statuses(calm, "/", 3) == [200] * 3


async def test_an_ipv6_network_is_one_address(tmp_path: Path, database_url: str) -> None:
    async with limited(tmp_path, database_url, rate_pages="3/minute") as service:
        told = []
        for host in range(4):
            async with browser_at(service, f"2001:db8::{host:x}") as browser:
                told += await statuses(browser, "/", 1)

    assert told == [200, 200, 200, REFUSED]


async def test_a_client_can_not_choose_its_address(tmp_path: Path, database_url: str) -> None:
    async with limited(tmp_path, database_url, rate_pages="3/minute", trusted_proxies="10.0.0.0/8") as service:
        told = []
        for number in range(4):
            async with browser_at(service, "192.0.2.1", **{"X-Forwarded-For": f"198.51.100.{number}"}) as browser:
                told += await statuses(browser, "/", 1)

    assert told == [200, 200, 200, REFUSED]


async def test_behind_a_trusted_proxy_each_client_counts_for_itself(tmp_path: Path, database_url: str) -> None:
    async with limited(tmp_path, database_url, rate_pages="1/minute", trusted_proxies="10.0.0.0/8") as service:
        told = []
        for number in (1, 2, 1):
            async with browser_at(service, "10.0.0.1", **{"X-Forwarded-For": f"198.51.100.{number}"}) as browser:
                told += await statuses(browser, "/", 1)

    assert told == [200, 200, REFUSED]


async def test_a_system_may_burst_a_thousand_requests(tmp_path: Path, database_url: str) -> None:
    async with limited(tmp_path, database_url) as service, await service.system("clinic-a") as system:
        answers = await asyncio.gather(*(system.get("/fhir/Patient/absent") for _ in range(1_000)))

    assert {answer.status_code for answer in answers} == {404}


async def test_a_system_that_asks_too_often_is_refused_and_others_are_not(tmp_path: Path, database_url: str) -> None:
    async with (
        limited(tmp_path, database_url, rate_system="5/minute") as service,
        await service.system("clinic-a") as loud,
        await service.system("clinic-b") as calm,
    ):
        assert await statuses(loud, "/fhir/Patient/absent", 7) == [404] * 5 + [REFUSED] * 2
        assert await statuses(calm, "/fhir/Patient/absent", 5) == [404] * 5


async def test_a_claimed_client_without_its_token_uses_up_nothing(tmp_path: Path, database_url: str) -> None:
    async with (
        limited(tmp_path, database_url, rate_system="5/minute") as service,
        await service.system("clinic-a") as system,
    ):
        forged = {"Authorization": system.headers["Authorization"][:-6] + "AAAAAA"}
        for _ in range(10):
            assert (await service.http.get("/fhir/Patient/absent", headers=forged)).status_code == 401

        assert await statuses(system, "/fhir/Patient/absent", 5) == [404] * 5


async def test_persons_and_systems_have_limits_of_their_own(tmp_path: Path, database_url: str) -> None:
    async with limited(tmp_path, database_url, rate_person="2/minute") as service:
        person = Caller(tenant="clinic-a", subject="p-1", role=Role.PHYSICIAN)
        for _ in range(2):
            await service.services.gate.admit_caller(person)

        with pytest.raises(TooManyRequests):
            await service.services.gate.admit_caller(person)
        await service.services.gate.admit_caller(person._replace(role=Role.SYSTEM))


async def test_without_a_limit_nobody_is_refused(tmp_path: Path, database_url: str) -> None:
    """The twin: what the tests above refuse passes where the limits are taken away."""
    none = {f"rate_{kind.value}": "none" for kind in Kind}
    async with limited(tmp_path, database_url, **none) as service, await service.system("clinic-a") as system:
        assert set(await statuses(service.http, "/", 20)) == {200}
        assert set(await statuses(system, "/fhir/Patient/absent", 20)) == {404}


def test_a_rate_that_is_none_is_named_by_its_variable() -> None:
    with pytest.raises(ValueError, match="TELEMED_RATE_CODE"):
        rates_of(Settings(rate_code="often"))


async def test_sockets_are_opened_only_so_often_from_one_address(tmp_path: Path, database_url: str) -> None:
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(f"{message['type']} {message.get('code', '')}".strip())

    scope = {"type": "websocket", "path": "/video/rooms/r/ws", "headers": [], "client": ("192.0.2.1", 1)}
    async with limited(tmp_path, database_url, rate_pages="2/minute") as service:
        for _ in range(3):
            more = {"query_string": b"", "subprotocols": [], "scheme": "ws", "server": ("localhost", 8000)}
            await service.app({**scope, **more}, receive, send)

    assert sent[:2] != ["websocket.close 1013"] * 2 and sent[-1] == "websocket.close 1013"


async def test_failures_of_an_ipv6_network_count_together() -> None:
    limit = FailureLimit(Failures(Counter(""), secret=b"s"))
    for host in range(PER_NAME):
        await limit.failed(f"2001:db8::{host:x}", "clinic-a")

    with pytest.raises(TooManyFailures):
        await limit.check("2001:db8::ffff", "clinic-a")
    await limit.check("2001:db8:0:1::1", "clinic-a")
