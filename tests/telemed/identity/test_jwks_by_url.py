"""Keys at a client's own address: fetched safely, kept for a while, and a rotation over there leaves no gap here."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from infra.clock import FixedClock
from infra.outgoing import AddressRefused, NotAnswered, fetch
from infra.problems import Unprocessable
from telemed.identity import clients
from telemed.identity.addresses import UnusableAddress
from telemed.identity.jwks_by_url import AGAIN, FRESH, LIMIT, JwksByUrl
from tests.telemed.identity.signing import Client, ec_key, rsa_key
from tests.telemed.service import BASE, Service

URL = "https://clinic.example/jwks.json"
AUDIENCE = f"{BASE}/oauth/token"


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


class There:
    """A clinic's server: says what keys it has, and counts how often it was asked."""

    def __init__(self, *keys: Any) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.down = False
        self.body: bytes | None = None

    async def fetch(self, url: str, *, limit: int) -> bytes:
        """The key set."""
        self.asked += 1
        if self.down:
            raise NotAnswered
        assert (url, limit) == (URL, LIMIT)
        return self.body or json.dumps({"keys": [key.as_dict(private=False) for key in self.keys]}).encode()


def kids(found: Any) -> set[str]:
    """The kids of a set."""
    return {key["kid"] for key in found["keys"]}


async def test_a_set_is_fetched_once_and_kept_for_five_minutes(clock: FixedClock) -> None:
    there = There(ec_key("one"))
    known = JwksByUrl(there.fetch, clock)

    for _ in range(5):
        assert kids(await known.keys(URL, kid="one")) == {"one"}
    assert there.asked == 1
    clock.advance(FRESH)
    there.keys = [ec_key("two")]

    assert kids(await known.keys(URL, kid="one")) == {"two"}, "a key that was taken away is gone"


async def test_a_clock_that_is_set_back_keeps_no_key_that_was_taken_away(clock: FixedClock) -> None:
    there = There(ec_key("one"))
    known = JwksByUrl(there.fetch, clock)
    await known.keys(URL, kid="one")

    there.keys = [ec_key("two")]
    clock.advance(-timedelta(hours=2))

    assert kids(await known.keys(URL, kid="one")) == {"two"}


async def test_a_new_kid_is_asked_for_at_once_and_a_made_up_one_once_a_minute(clock: FixedClock) -> None:
    there = There(ec_key("one"))
    known = JwksByUrl(there.fetch, clock)
    await known.keys(URL, kid="one")
    clock.advance(AGAIN)
    there.keys.append(ec_key("two"))

    assert kids(await known.keys(URL, kid="two")) == {"one", "two"}
    for number in range(50):
        await known.keys(URL, kid=f"made-up-{number}")
    assert there.asked == 2
    clock.advance(AGAIN)
    await known.keys(URL, kid="made-up")
    assert there.asked == 3


async def test_while_the_address_is_down_kept_keys_serve_their_five_minutes(clock: FixedClock) -> None:
    there = There(ec_key("one"))
    known = JwksByUrl(there.fetch, clock)
    await known.keys(URL, kid="one")
    there.down = True

    clock.advance(FRESH - timedelta(seconds=1))
    assert kids(await known.keys(URL, kid="one")) == {"one"}
    clock.advance(timedelta(seconds=1))
    assert kids(await known.keys(URL, kid="one")) == set()
    there.down = False
    assert kids(await known.keys(URL, kid="one")) == set(), "asked again after a minute, not at once"
    clock.advance(AGAIN)
    assert kids(await known.keys(URL, kid="one")) == {"one"}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"keys": 5}', b'{"keys": []}', b"\xff", b"[" * 9000, b'{"keys":[7]}']
)
async def test_what_is_no_key_set_gives_no_keys(clock: FixedClock, body: bytes) -> None:
    there = There()
    there.body = body or b" "

    assert kids(await JwksByUrl(there.fetch, clock).keys(URL, kid="x")) == set()


async def test_keys_for_other_purposes_and_weak_ones_are_left_out(clock: FixedClock) -> None:
    there = There()
    keys = [ec_key("good").as_dict(private=False), ec_key("weak", "P-256").as_dict(private=False)]
    keys += [
        rsa_key("encrypts").as_dict(private=False) | {"use": "enc"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
    ]
    there.body = json.dumps({"keys": keys}).encode()

    assert kids(await JwksByUrl(there.fetch, clock).keys(URL, kid="good")) == {"good"}


async def test_a_system_with_keys_at_an_address_changes_them_without_a_gap(service: Service, clock: FixedClock) -> None:
    old, new = Client("by-url", ec_key("old")), Client("by-url", ec_key("new"))
    there = There(old.key)
    object.__setattr__(service.services, "jwks", JwksByUrl(there.fetch, clock))
    unit = partial(clients.register, client_id="by-url", tenant="a", scope="system/*.rs", now=clock.now(), jwks_uri=URL)
    await service.services.database.write(lambda session: unit(session) and None)

    async def token(client: Client) -> int:
        form = client.form(scope="system/*.rs", assertion=client.assertion(aud=AUDIENCE))
        return (await service.http.post("/oauth/token", data=form)).status_code

    assert [await token(old), await token(new)] == [200, 401]
    there.keys = [old.key, new.key]
    clock.advance(AGAIN)
    assert [await token(new), await token(old)] == [200, 200], "both while the clinic changes over"
    there.keys = [new.key]
    clock.advance(FRESH)
    assert [await token(new), await token(old)] == [200, 401]


@pytest.mark.parametrize(
    "url",
    [
        "http://clinic.example/jwks.json",
        "https://localhost/jwks.json",
        "https://127.0.0.1/jwks.json",
        "https://[::1]/jwks.json",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://[fe80::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://0.0.0.0/",
        "https://user:pass@clinic.example/",
        "file:///etc/passwd",
        "https://2130706433/",
    ],
)
async def test_no_address_inside_is_ever_asked(url: str) -> None:
    with pytest.raises((AddressRefused, NotAnswered)):
        await fetch(url, limit=100)


@pytest.mark.parametrize(
    "url", ["http://clinic.example/k", "ftp://clinic.example/k", "https://u@clinic.example/k", "x"]
)
async def test_such_an_address_is_not_even_registered(service: Service, clock: FixedClock, url: str) -> None:
    unit = partial(clients.register, client_id="x", tenant="a", scope="system/*.rs", now=clock.now(), jwks_uri=url)

    with pytest.raises(UnusableAddress):
        await service.services.database.write(lambda session: unit(session) and None)


@pytest.mark.parametrize(
    "changed",
    [
        {"jwks": {"keys": []}},
        {"jwks": Client("x", ec_key()).jwks, "jwks_uri": URL},
        {},
        {"app": clients.App("Nur Name", ())},
        {"app": clients.App("Ohne Schema", ("app.example/cb",))},
        {"app": clients.App("Systemrechte", (URL,)), "scope": "system/*.rs"},
        {"jwks_uri": URL, "scope": "user/*.rs"},
        {"jwks_uri": URL, "scope": "openid"},
        {"app": clients.App("Unbekannt", (URL,)), "scope": "user/Basic.rs"},
    ],
    ids=[
        "no key",
        "keys twice",
        "no keys",
        "no address",
        "no scheme",
        "system scopes",
        "user scopes",
        "sign-in",
        "unknown type",
    ],
)
async def test_a_registration_that_does_not_fit_together_is_refused(
    service: Service, clock: FixedClock, changed: dict[str, Any]
) -> None:
    given: dict[str, Any] = {"client_id": "x", "tenant": "a", "scope": "system/*.rs", "now": clock.now()} | changed

    with pytest.raises(Unprocessable):
        await service.services.database.write(lambda session: clients.register(session, **given) and None)
