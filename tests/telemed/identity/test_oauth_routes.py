"""The OAuth routes over HTTP: forms, statuses, discovery, limits on failures, keys made by another process."""

import base64
import json
from datetime import timedelta
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.clock import FixedClock
from infra.database import Database
from infra.problems import TooMany
from infra.rates import Counter, Failures
from infra.vault import Vault
from telemed.identity.asking import claimed_client
from telemed.identity.failures import MINUTES, PER_ADDRESS, PER_NAME, FailureLimit
from telemed.identity.lifetimes import SIGNING_KEY
from telemed.identity.tokens import TokenIssuer
from tests.telemed.identity.conftest import register
from tests.telemed.identity.signing import ISSUER, Client, ec_key
from tests.telemed.service import BASE, Service

AUDIENCE = f"{BASE}/oauth/token"


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
async def system(service: Service, clock: FixedClock) -> Client:
    client = Client("clinic-a-system", ec_key())
    await register(service.services.database, client, clock=clock)
    return client


async def post(service: Service, form: dict[str, str]) -> httpx.Response:
    return await service.http.post("/oauth/token", data=form)


async def test_a_system_walks_from_discovery_to_a_token_that_verifies(service: Service, system: Client) -> None:
    discovered = (await service.http.get("/fhir/.well-known/smart-configuration")).json()
    assertion = system.assertion(aud=discovered["token_endpoint"])

    answer = await service.http.post(discovered["token_endpoint"], data=system.form(assertion=assertion))

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    keys = (await service.http.get(discovered["jwks_uri"])).json()["keys"]
    header = json.loads(base64.urlsafe_b64decode(answer.json()["access_token"].split(".")[0] + "=="))
    assert header["kid"] in {key["kid"] for key in keys}
    assert all("d" not in key for key in keys)


async def test_a_key_that_another_process_has_just_made_is_published_here_too(service: Service) -> None:
    services = service.services
    other = TokenIssuer(services.vault, issuer=BASE, audience=f"{BASE}/fhir", clock=services.system_clock)
    await other.prepare_identities(services.database)

    published = (await service.http.get("/oauth/jwks.json")).json()["keys"]

    assert {key["kid"] for key in published} == {key["kid"] for key in other.public()["keys"]}
    assert {key["alg"] for key in published} == {"ES256", "RS256"}


async def test_a_proof_that_does_not_hold_is_a_401_in_the_standards_form(service: Service, system: Client) -> None:
    answer = await post(service, system.form(assertion=system.assertion(aud="https://other.example")))

    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert system.client_id not in answer.text


async def test_claims_nested_beyond_reason_are_refused_like_any_bad_proof(service: Service, system: Client) -> None:
    header, _, signature = system.assertion(aud=AUDIENCE).split(".")
    deep = base64.urlsafe_b64encode(b"[" * 3000 + b"]" * 3000).decode()

    answer = await post(service, system.form(assertion=f"{header}.{deep}.{signature}"))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", ""])
async def test_only_a_form_is_read(service: Service, content_type: str) -> None:
    answer = await service.http.post("/oauth/token", content=b"{}", headers={"Content-Type": content_type})

    assert answer.status_code == 415
    assert answer.json() == {
        "error": "invalid_request",
        "error_description": "Send the parameters as application/x-www-form-urlencoded.",
    }


async def test_who_sends_no_assertion_is_told_what_to_send(service: Service, system: Client) -> None:
    secret = {"grant_type": "client_credentials", "client_id": system.client_id, "client_secret": "x"}

    answer = await post(service, secret)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.json()["error_description"].startswith(
        "Send client_assertion, a signed JWT, and client_assertion_type=urn:"
    )


async def test_a_stranger_does_not_learn_who_is_a_client(service: Service, system: Client) -> None:
    stranger = Client("nobody", ec_key())
    proofs = [
        stranger.assertion(aud=AUDIENCE),
        system.assertion(aud=AUDIENCE, header={"kid": "another"}),
        system.assertion(aud=AUDIENCE, key=ec_key()),
    ]

    answers = [await post(service, system.form(assertion=proof)) for proof in proofs]

    assert len({answer.content for answer in answers}) == 1
    assert "this client and kid" in answers[0].text


async def test_a_repeated_parameter_is_refused(service: Service, system: Client) -> None:
    fields = [*system.form(assertion=system.assertion(aud=AUDIENCE)).items(), ("scope", "system/*.rs")]
    body = urlencode(fields)

    answer = await service.http.post(
        "/oauth/token", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_huge_form_is_refused(service: Service) -> None:
    assert (await post(service, {"client_assertion": "x" * 20_000})).status_code == 413


async def test_after_ten_failures_a_client_waits_at_this_address_only(service: Service, system: Client) -> None:
    for _ in range(PER_NAME):
        await post(service, system.form(assertion=system.assertion(aud="https://other.example")))

    refused = await post(service, system.form(assertion=system.assertion(aud=AUDIENCE)))

    assert refused.status_code == 429
    assert refused.json()["error"] == "temporarily_unavailable"
    assert refused.headers["retry-after"] == str(MINUTES * 60)
    await service.services.failures.check("another address", system.client_id)


async def test_a_mistaken_scope_is_no_attempt_to_guess(service: Service, system: Client) -> None:
    for _ in range(PER_NAME + 1):
        refused = await post(service, system.form(scope="user/*.rs", assertion=system.assertion(aud=AUDIENCE)))
        assert refused.status_code == 400

    assert (await post(service, system.form(assertion=system.assertion(aud=AUDIENCE)))).status_code == 200


async def test_failures_are_forgotten_after_the_window(clock: FixedClock) -> None:
    limit = failure_limit(clock)
    for _ in range(PER_NAME):
        await limit.failed("address", "name")
    with pytest.raises(TooMany):
        await limit.check("address", "name")

    clock.advance(timedelta(minutes=MINUTES))

    await limit.check("address", "name")


async def test_trying_many_names_from_one_address_is_limited_too(clock: FixedClock) -> None:
    limit = failure_limit(clock)
    for number in range(PER_ADDRESS):
        await limit.failed("address", f"name-{number}")

    with pytest.raises(TooMany):
        await limit.check("address", "fresh")


def failure_limit(clock: FixedClock) -> FailureLimit:
    """The limit of a process by itself."""
    return FailureLimit(Failures(Counter("", now=lambda: clock.now().timestamp()), secret=b"s"))


async def test_a_token_of_another_process_is_verified_with_its_key(
    database: Database, vault: Vault, clock: FixedClock
) -> None:
    first, second = (TokenIssuer(vault, issuer=ISSUER, audience=f"{ISSUER}/fhir", clock=clock) for _ in range(2))
    await first.load(database)
    await second.load(database)
    clock.advance(SIGNING_KEY - timedelta(hours=1))
    await first.load(database)
    clock.advance(timedelta(hours=2))
    token = first.sign(tenant="a", client_id="c", scope="system/*.rs")

    unknown = second.verify(token)
    assert second.is_foreign(token)
    await second.look_again(database)

    assert unknown is None
    assert second.verify(token) is not None


async def test_keys_rotate_without_a_gap(database: Database, vault: Vault, clock: FixedClock) -> None:
    issuer = TokenIssuer(vault, issuer=ISSUER, audience=f"{ISSUER}/fhir", clock=clock)
    await issuer.load(database)
    published = {key["kid"] for key in issuer.public()["keys"]}

    for _ in range(70 * 3):
        clock.advance(timedelta(hours=8))
        token = issuer.sign(tenant="a", client_id="c", scope="system/*.rs")
        signer = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]
        assert signer in published, "a key signs only after it has been published before"
        assert issuer.verify(token) is not None
        await issuer.load(database)
        published = {key["kid"] for key in issuer.public()["keys"]}


async def test_the_keys_of_identity_tokens_rotate_without_a_gap_too(
    database: Database, vault: Vault, clock: FixedClock
) -> None:
    issuer = TokenIssuer(vault, issuer=ISSUER, audience=f"{ISSUER}/fhir", clock=clock)
    await issuer.load(database)
    assert {key["alg"] for key in issuer.public()["keys"]} == {"ES256"}, "no such key before an app asks for one"
    await issuer.prepare_identities(database)
    published, signers = {key["kid"] for key in issuer.public()["keys"]}, set()

    for _ in range(6 * 10):
        clock.advance(timedelta(hours=16))
        token = issuer.identify(client_id="c", subject="s", nonce="", fhir_user="Patient/1", named=frozenset())
        signers.add(json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"])
        assert signers <= published, "a key signs only after it has been published before"
        assert issuer.verify(token) is None, "an identity token opens nothing"
        await issuer.load(database)
        published |= {key["kid"] for key in issuer.public()["keys"]}

    assert len(signers) == 2


@pytest.mark.parametrize("changed", [{"iss": "https://other.example"}, {"audience": "https://other.example/fhir"}])
async def test_a_token_for_or_of_somebody_else_is_refused(
    database: Database, vault: Vault, clock: FixedClock, changed: dict[str, str]
) -> None:
    ours = TokenIssuer(vault, issuer=ISSUER, audience=f"{ISSUER}/fhir", clock=clock)
    theirs = TokenIssuer(
        vault, issuer=changed.get("iss", ISSUER), audience=changed.get("audience", f"{ISSUER}/fhir"), clock=clock
    )
    await ours.load(database)
    await theirs.load(database)

    assert ours.verify(theirs.sign(tenant="a", client_id="c", scope="system/*.rs")) is None


@given(st.text() | st.from_regex(r"[\w.=-]{0,60}\.[\w.=-]{0,60}\.[\w.=-]{0,60}"))
def test_reading_the_claimed_client_never_fails(text: str) -> None:
    assert isinstance(claimed_client({"client_assertion": text}), str)
