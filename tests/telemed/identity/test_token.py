"""The token endpoint: who gets a token, and every near miss that does not."""

import asyncio
import base64
import json
import time
from datetime import timedelta
from typing import Any

import pytest

from infra.clock import FixedClock
from infra.database import Database
from telemed.identity.standing import TokenCheck
from telemed.identity.tokens import TokenIssuer
from tests.telemed.identity.conftest import Ask, register
from tests.telemed.identity.signing import ISSUER, TOKEN_URL, Client, ec_key, rsa_key

NOW = int(time.time())


def without_the_time(changed: dict[str, Any]) -> str:
    """A name for a case that is the same in every process that collects it."""
    return "-".join(f"{name} {value}" for name, value in changed.items()).translate(str.maketrans("", "", "0123456789"))


async def test_a_signed_assertion_earns_a_five_minute_token(ask: Ask, client: Client, issuer: TokenIssuer) -> None:
    answer = await ask(client.form(scope="system/Patient.rs system/Observation.cruds"))

    assert answer.status == 200
    assert answer.body["token_type"] == "Bearer"
    assert answer.body["expires_in"] == 300
    grant = issuer.verify(answer.body["access_token"])
    assert grant is not None
    assert (grant.tenant, grant.client_id) == ("clinic-a", "clinic-a-system")
    assert grant.scopes == {"system/Patient.rs", "system/Observation.cruds"}


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_rsa_keys_sign_with_rs384(ask: Ask, database: Database, clock: FixedClock) -> None:
    client = Client("rsa-system", rsa_key(), "RS384")
    await register(database, client, clock=clock)

    assert (await ask(client.form())).status == 200


async def test_the_issuer_itself_is_an_audience_too(ask: Ask, client: Client) -> None:
    assert (await ask(client.form(assertion=client.assertion(aud=ISSUER)))).status == 200


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://other.example/oauth/token"},
        {"aud": [TOKEN_URL]},
        {"aud": [TOKEN_URL, "https://other.example"]},
        {"aud": None},
        {"aud": TOKEN_URL + "/"},
        {"iss": "somebody-else"},
        {"iss": None},
        {"sub": "unknown-system"},
        {"sub": None},
        {"sub": 7},
        {"sub": "clinic-a-system\x00"},
        {"exp": NOW + 3600},
        {"exp": NOW - 3600},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": NOW + 100.5},
        {"exp": True},
        {"exp": str(NOW + 100)},
        {"exp": None},
        {"iat": NOW + 3600},
        {"nbf": NOW + 3600},
        {"iat": "yesterday"},
        {"jti": None},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 256},
    ],
    ids=without_the_time,
)
async def test_a_claim_that_is_off_is_refused(ask: Ask, client: Client, changed: dict[str, Any]) -> None:
    answer = await ask(client.form(assertion=client.assertion(**changed)))

    assert answer.body["error"] == "invalid_client"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "header",
    [
        {"kid": "another"},
        {"kid": None},
        {"kid": 5},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"jwk": dict(ec_key("evil").as_dict(private=False))},
        {"crit": ["exp"]},
        {"typ": "at+jwt"},
    ],
    ids=lambda header: next(iter(header)),
)
async def test_a_header_that_is_off_is_refused(ask: Ask, client: Client, header: dict[str, Any]) -> None:
    answer = await ask(client.form(assertion=forged(client, header)))

    assert answer.body["error"] == "invalid_client"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("alg", ["none", "HS256", "HS384", "ES256", "RS256", "PS384", "es384"])
async def test_no_other_algorithm_is_accepted(ask: Ask, client: Client, alg: str) -> None:
    answer = await ask(client.form(assertion=forged(client, {"alg": alg})))

    assert answer.body["error"] == "invalid_client"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "assertion", ["", "a", "a.b.c", "..", "e30.e30.", "\u00e4.\u00e4.\u00e4", "x" * 9000, "W10.W10.W10"]
)
async def test_what_is_no_assertion_is_refused(ask: Ask, client: Client, assertion: str) -> None:
    answer = await ask(client.form(assertion=assertion))

    assert answer.body["error"] == "invalid_client"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_key_that_is_not_registered_is_refused(ask: Ask, client: Client) -> None:
    answer = await ask(client.form(assertion=client.assertion(key=ec_key("ec-1"))))

    assert answer.body["error"] == "invalid_client"


async def test_an_assertion_is_used_once(ask: Ask, client: Client) -> None:
    form = client.form()

    first, second = await ask(form), await ask(form)

    assert (first.status, second.body["error"]) == (200, "invalid_client")


async def test_of_many_parallel_uses_of_one_assertion_one_wins(ask: Ask, client: Client) -> None:
    form = client.form()

    answers = await asyncio.gather(*(ask(form) for _ in range(20)))

    assert sorted(answer.status for answer in answers) == [200] + [400] * 19


async def test_a_refused_scope_burns_the_assertion(ask: Ask, client: Client) -> None:
    assertion = client.assertion()

    refused = await ask(client.form(scope="user/*.cruds", assertion=assertion))
    again = await ask(client.form(assertion=assertion))

    assert (refused.body["error"], again.body["error"]) == ("invalid_scope", "invalid_client")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "scope",
    [
        "",
        "user/*.cruds",
        "system/*.cruds",
        "system/Patient.cruds",
        "SYSTEM/Patient.rs",
        "system/Patient.rs  system/Patient.rs",
        "system/Patient.rs?name=x",
        "system/*.read",
        "openid",
        "system/Patient.rs\tsystem/Patient.c",
    ],
)
async def test_no_scope_goes_beyond_the_registration(
    ask: Ask, database: Database, clock: FixedClock, scope: str
) -> None:
    client = Client("narrow", ec_key())
    await register(database, client, clock=clock, scope="system/Patient.rs system/Observation.cruds")

    answer = await ask(client.form(scope=scope))

    assert answer.body["error"] == "invalid_scope"


@pytest.mark.parametrize(
    ("scope", "said"),
    [
        (" ", "Say what is asked for"),
        ("system/Patient.sr", "not of the form"),
        ("user/Patient.rs", "not of the form"),
        ("system/Patient.rs system/Unicorn.rs", "not served"),
        ("system/Observation.rs", "beyond what this client"),
    ],
)
async def test_what_is_wrong_with_a_scope_is_said(
    ask: Ask, database: Database, clock: FixedClock, scope: str, said: str
) -> None:
    client = Client("wide", ec_key())
    await register(database, client, clock=clock, scope="system/Patient.cruds")
    everything = Client("everything", ec_key())
    await register(database, everything, clock=clock, scope="system/*.cruds")

    answer = await ask(client.form(scope=scope))
    unicorn = await ask(everything.form(scope="system/Unicorn.rs"))

    assert answer.body["error"] == unicorn.body["error"] == "invalid_scope"
    assert said in answer.body["error_description"] and "not served" in unicorn.body["error_description"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("grant", ["password", "implicit", "", "urn:ietf:params:oauth:grant-type:jwt-bearer"])
async def test_other_grants_are_refused(ask: Ask, client: Client, grant: str) -> None:
    assert (await ask(client.form(grant_type=grant))).body["error"] == "unsupported_grant_type"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("grant", ["authorization_code", "refresh_token"])
async def test_a_system_acts_for_nobody_but_itself(ask: Ask, client: Client, grant: str) -> None:
    assert (await ask(client.form(grant_type=grant))).body["error"] == "unauthorized_client"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_client_secret_is_no_proof(ask: Ask, client: Client) -> None:
    form = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": "x"}

    assert (await ask(form)).body["error"] == "invalid_client"


async def test_a_token_ends_after_five_minutes(
    ask: Ask, client: Client, issuer: TokenIssuer, clock: FixedClock
) -> None:
    token = (await ask(client.form())).body["access_token"]

    clock.advance(timedelta(minutes=4))
    before = issuer.verify(token)
    clock.advance(timedelta(minutes=1))

    assert before is not None
    assert issuer.verify(token) is None


async def test_a_clock_that_is_set_back_prolongs_no_token(
    ask: Ask, client: Client, issuer: TokenIssuer, clock: FixedClock, database: Database
) -> None:
    token = (await ask(client.form())).body["access_token"]
    check = TokenCheck(issuer, (), clock)
    assert issuer.verify(token) and await check.find(database, token)

    clock.advance(-timedelta(seconds=30))
    looked_up_again = check.known(token)
    clock.advance(-timedelta(hours=2))

    assert looked_up_again is None
    assert issuer.verify(token) is None


def forged(client: Client, header: dict[str, Any]) -> str:
    """An assertion whose header is replaced after signing; the headers that can be signed are signed."""
    if set(header) <= {"jku", "x5u", "jwk"}:
        return client.assertion(header=header)
    head = {"alg": client.alg, "kid": client.key.kid, "typ": "JWT"} | header
    head = {name: value for name, value in head.items() if value is not None}
    encoded = base64.urlsafe_b64encode(json.dumps(head).encode()).rstrip(b"=").decode()
    return ".".join([encoded, *client.assertion().split(".")[1:]])
