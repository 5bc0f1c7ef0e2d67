"""The external provider: what of its tokens is refused, and the whole way through the console."""

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey

from infra.clock import FixedClock, SystemClock
from infra.database import Database
from infra.vault import Vault
from telemed.identity.lifetimes import CONSOLE_ABSOLUTE, LEEWAY, STEP_UP
from telemed.signin import external
from telemed.signin.challenges import Attempt, Purpose
from telemed.signin.external import CALLBACK, ExternalProvider, House
from telemed.signin.metadata import Directory, ProviderSilent, is_safe, read_metadata
from telemed.signin.provider import SignInRefused
from telemed.startup import StartRefused, refuse_settings
from tests.fixtures.openid import ACR, CLIENT, SECRET, OpenId, Start
from tests.telemed.service import BASE, Service, demo_settings, running
from tests.telemed.signin.conftest import walk
from tests.telemed.signin.doors import browser
from tests.telemed.signin.people import clinician, registered

ISSUER, STATE = "https://login.example", "state"
SIGN_IN, STEP_UP_OF_ANKE = Attempt("browser", Purpose.SIGN_IN), Attempt("browser", Purpose.STEP_UP, "anke")
HOUSE = House(ISSUER, CLIENT, "", BASE + CALLBACK, "staff", ACR)


@pytest.fixture
def provider(database: Database, vault: Vault, clock: FixedClock) -> ExternalProvider:
    return ExternalProvider(database, vault, house=HOUSE, clock=clock)


def claims(provider: ExternalProvider, clock: FixedClock) -> dict[str, Any]:
    """Claims with which nothing is wrong."""
    now, nonce = int(clock.now().timestamp()), provider._nonce(SIGN_IN, STATE)
    times = {"exp": now + 300, "iat": now, "auth_time": now}
    return {"iss": ISSUER, "aud": CLIENT, "nonce": nonce, "acr": ACR, "staff": "staff-anke", **times}


OLD = int((CONSOLE_ABSOLUTE + 2 * LEEWAY).total_seconds())
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"iss": "https://other.example"}, "iss"),
    ({"iss": None}, "iss"),
    ({"iss": ISSUER + "/"}, "iss"),
    ({"aud": "another"}, "aud"),
    ({"aud": [CLIENT, "another"]}, "aud"),
    ({"aud": []}, "aud"),
    ({"azp": "another"}, "azp"),
    ({"nonce": "another"}, "nonce"),
    ({"nonce": None}, "nonce"),
    ({"exp": None}, "exp"),
    ({"exp": "9999999999"}, "times"),
    ({"exp": float("nan")}, "times"),
    ({"exp": True}, "times"),
    ({"exp": -600}, "exp"),
    ({"iat": 600}, "exp"),
    ({"iat": None}, "exp"),
    ({"acr": "urn:example:weak"}, "acr"),
    ({"acr": None}, "acr"),
    ({"staff": None}, "claim"),
    ({"staff": ""}, "claim"),
    ({"staff": ["staff-anke"]}, "claim"),
    ({"auth_time": None}, "auth_time"),
    ({"auth_time": 600}, "auth_time"),
    ({"auth_time": -OLD}, "auth_time"),
]


def bent(good: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """The claims with a change; a number is a distance in seconds from what was there."""
    [(name, value)] = change.items()
    return good | {name: good[name] + value if type(value) is int else value}


@pytest.mark.parametrize(("change", "said"), WRONG, ids=str)
def test_a_token_with_a_wrong_claim_is_refused(
    provider: ExternalProvider, clock: FixedClock, change: dict[str, Any], said: str
) -> None:
    good = claims(provider, clock)

    assert provider._wrong(good, SIGN_IN, state=STATE) == ""
    assert provider._wrong(good | {"aud": [CLIENT], "azp": CLIENT}, SIGN_IN, state=STATE) == ""
    assert provider._wrong(bent(good, change), SIGN_IN, state=STATE) == said


def test_a_nonce_fits_one_browser_and_one_question(provider: ExternalProvider, clock: FixedClock) -> None:
    good = claims(provider, clock)

    assert provider._wrong(good, Attempt("another", Purpose.SIGN_IN), state=STATE) == "nonce"
    assert provider._wrong(good, SIGN_IN, state="another") == "nonce"


def test_a_step_up_takes_no_proof_older_than_five_minutes(provider: ExternalProvider, clock: FixedClock) -> None:
    good = claims(provider, clock)
    good["auth_time"] -= int(STEP_UP.total_seconds())

    assert provider._wrong(good, STEP_UP_OF_ANKE, state=STATE) == "auth_time"
    assert provider._wrong(good | {"auth_time": good["auth_time"] + 1}, STEP_UP_OF_ANKE, state=STATE) == ""


async def test_the_question_has_pkce_a_state_a_nonce_and_for_a_step_up_asks_anew(
    database: Database, vault: Vault, clock: FixedClock, openid: Start
) -> None:
    house = House(openid(BASE + CALLBACK).issuer, CLIENT, SECRET, BASE + CALLBACK, "sub", ACR)
    provider = ExternalProvider(database, vault, house=house, clock=clock)

    first, second = [
        parse_qs(urlsplit((await provider.begin(a))["location"]).query) for a in (SIGN_IN, STEP_UP_OF_ANKE)
    ]

    assert (first["code_challenge_method"], first["response_type"], first["scope"]) == (["S256"], ["code"], ["openid"])
    assert (first["acr_values"], "prompt" in first) == ([ACR], False)
    assert (second["prompt"], second["max_age"]) == (["login"], ["0"])
    assert all(first[name] != second[name] for name in ("state", "nonce", "code_challenge"))


@pytest.mark.parametrize("change", [{"iss": "https://other.example"}, {"iss": None}, {"code": "another"}], ids=str)
async def test_an_answer_of_another_issuer_or_with_another_code_is_refused(
    database: Database, vault: Vault, clock: FixedClock, openid: Start, change: dict[str, str | None]
) -> None:
    server = openid(BASE + CALLBACK)
    house = House(server.issuer, CLIENT, SECRET, BASE + CALLBACK, "sub", "")
    provider = ExternalProvider(database, vault, house=house, clock=clock)
    server.user("anke")
    answer = await walk(server, str((await provider.begin(SIGN_IN))["location"])) | change

    with pytest.raises(SignInRefused):
        await provider.finish(SIGN_IN, {name: value for name, value in answer.items() if value is not None})


async def test_a_provider_that_is_silent_is_said_to_be(database: Database, vault: Vault, clock: FixedClock) -> None:
    house = House("http://127.0.0.1:9", CLIENT, SECRET, BASE + CALLBACK, "sub", "")

    with pytest.raises(ProviderSilent):
        await ExternalProvider(database, vault, house=house, clock=clock).begin(SIGN_IN)


GOOD = {name: f"{ISSUER}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")} | {
    "issuer": ISSUER
}


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://other.example"},
        {"token_endpoint": "http://login.example/token"},
        {"jwks_uri": "http://127.0.0.1/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
        {"code_challenge_methods_supported": ["plain"]},
    ],
    ids=str,
)
def test_metadata_of_somebody_else_or_without_encryption_are_not_used(change: dict[str, Any]) -> None:
    assert read_metadata(ISSUER, GOOD).token_endpoint == GOOD["token_endpoint"]
    with pytest.raises(ProviderSilent):
        read_metadata(ISSUER, GOOD | change)


def test_plain_http_is_for_a_loopback_alone() -> None:
    assert is_safe("http://localhost:1/x", issuer="http://127.0.0.1:2")
    assert not is_safe("http://login.example", issuer="http://login.example")


def test_unknown_keys_are_asked_for_once_a_minute(clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    known = ECKey.generate_key("P-256", {"kid": "known"}).as_dict(private=False)

    def fetch(session: Any, url: str) -> dict[str, Any]:
        asked.append(url)
        return {"keys": [known]} if url.endswith("jwks_uri") else GOOD

    monkeypatch.setattr("telemed.signin.metadata.fetch", fetch)
    directory = Directory(ISSUER, now=clock.now)
    for wait in (0, 30, 31, 1):
        clock.advance(timedelta(seconds=wait))
        directory.keys(None, kid="unknown")
        directory.keys(None, kid="known")

    assert asked == [f"{ISSUER}/.well-known/openid-configuration", GOOD["jwks_uri"], GOOD["jwks_uri"]]


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"oidc_issuer": "http://login.example", "oidc_client_id": "x"}, "TELEMED_OIDC_ISSUER"),
        ({"oidc_issuer": ISSUER}, "TELEMED_OIDC_CLIENT_ID"),
        ({"oidc_issuer": ISSUER, "oidc_client_id": "x", "oidc_client_secret_file": "/none"}, "SECRET_FILE"),
    ],
)
def test_a_start_with_half_a_provider_is_refused_by_name(tmp_path: Path, changed: dict[str, Any], named: str) -> None:
    settings = demo_settings(tmp_path, "").model_copy(update=changed)
    if "oidc_client_secret_file" in changed:
        settings = settings.model_copy(update={"oidc_client_secret_file": Path("/none")})

    with pytest.raises(StartRefused, match=named):
        refuse_settings(settings)


@pytest.fixture
async def house(database_url: str, tmp_path: Path, openid: Start) -> AsyncIterator[tuple[Service, OpenId]]:
    """A service whose clinicians sign in at the provider; anke's and bert's accounts are connected."""
    server, secret = openid(BASE + CALLBACK), tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    named = {"oidc_issuer": server.issuer, "oidc_client_id": CLIENT, "oidc_client_secret_file": secret, "oidc_acr": ACR}
    settings = demo_settings(tmp_path, database_url).model_copy(update=named)
    async with running(settings) as service:
        await registered(service.services.database, clinician("anke"), clinician("bert"))
        for id in ("anke", "bert"):
            connect = partial(external.connect, house=House.of(settings), clinician_id=id, subject=id)
            await service.services.database.write(partial(connect, vault=service.services.vault))
        yield service, server


async def test_the_whole_way_through_the_house_and_back(house: tuple[Service, OpenId]) -> None:
    service, server = house
    made = browser(service)
    page = await made.get("/console/sign-in?next=/console/account")
    server.user("anke")

    away = await made.get("/console/oidc/start?next=/console/account")
    back = await walk(server, away.headers["location"])
    there = await made.get(CALLBACK, params=back, headers={"Sec-Fetch-Site": "cross-site"})

    assert "/console/oidc/start?next=/console/account" in page.text and "passkey.js" not in page.text
    assert (there.status_code, there.headers["location"]) == (303, "/console/account")
    assert (await made.get("/console/account")).status_code == 200
    assert (await browser(service).get(CALLBACK, params=back)).status_code == 401
    assert (await made.post("/console/passkey", json={})).status_code == 404


async def test_a_step_up_at_the_house_is_by_the_same_person_and_fresh(house: tuple[Service, OpenId]) -> None:
    service, server = house
    made = browser(service)

    async def through(path: str, who: str, *, ago: timedelta = timedelta()) -> int:
        server.user(who, verified=int((SystemClock().now() - ago).timestamp()))
        location = (await made.get(path)).headers["location"]
        return (await made.get(CALLBACK, params=await walk(server, location))).status_code

    signed_in = await through("/console/oidc/start", "anke", ago=timedelta(minutes=10))
    before = made.cookies["telemed_session"]
    old = (await made.post("/console/account/codes")).status_code
    other = await through("/console/oidc/confirm", "bert")
    stale = await through("/console/oidc/confirm", "anke", ago=timedelta(minutes=6))
    confirmed = await through("/console/oidc/confirm", "anke")

    assert (signed_in, old, other, stale, confirmed) == (303, 403, 401, 401, 303)
    assert made.cookies["telemed_session"] != before
    # The way is open now; that there are no passkeys to make codes for is another matter.
    assert (await made.post("/console/account/codes")).status_code == 404


async def test_a_weaker_sign_in_than_the_house_asks_for_is_refused(house: tuple[Service, OpenId]) -> None:
    service, server = house
    made = browser(service)
    server.user("anke", acr="urn:example:weak")

    away = await made.get("/console/oidc/start")
    there = await made.get(CALLBACK, params=await walk(server, away.headers["location"]))

    assert there.status_code == 401
