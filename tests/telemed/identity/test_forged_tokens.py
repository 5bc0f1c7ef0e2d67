"""Access tokens that are not ours, or no longer: one refusal for all of them, and nothing of them in the log."""

import base64
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from telemed.identity.tokens import RSA_BITS, _Key
from tests.telemed.identity.asking import Asking
from tests.telemed.identity.signing import ec_key, rsa_key
from tests.telemed.service import BASE


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def own_key(world: Asking) -> _Key:
    """The key that signs access tokens here."""
    return next(key for key in world.service.services.issuer._keys if isinstance(key.private, ECKey))


def forged(world: Asking, key: Any = None, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token like ours in all but what is changed."""
    own, now = own_key(world), int(time.time())
    good: dict[str, Any] = {
        "iss": BASE,
        "aud": f"{BASE}/fhir",
        "sub": "public-app",
        "client_id": "public-app",
        "tenant": "clinic-a",
    }
    good |= {"scope": "system/*.cruds", "iat": now, "exp": now + 300, "jti": "j"} | claims
    head = {"alg": "ES256", "typ": "at+jwt", "kid": own.kid} | (header or {})
    return jwt.encode(head, good, key or own.private, algorithms=[head["alg"]])


def unsigned(token: str, alg: str) -> str:
    """The token without a signature, under another algorithm."""
    _, payload, _ = token.split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": alg, "typ": "at+jwt"}).encode()).rstrip(b"=").decode()
    return f"{head}.{payload}."


async def test_the_unchanged_one_would_be_taken(world: Asking) -> None:
    assert (await world.get("/fhir/Slot?_summary=count", forged(world))).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://other.example/fhir"},
        {"aud": [f"{BASE}/fhir"]},
        {"aud": [f"{BASE}/fhir", "https://other.example"]},
        {"aud": BASE},
        {"iss": "https://other.example"},
        {"exp": 1},
        {"exp": "9999999999"},
        {"exp": True},
        {"client_id": "nobody"},
        {"tenant": "clinic-b"},
        {"user": "clinician", "grant": "unknown"},
        {"user": "nobody", "grant": "unknown"},
    ],
    ids=str,
)
async def test_a_claim_that_is_off_opens_nothing(world: Asking, claims: dict[str, Any]) -> None:
    assert (await world.get("/fhir/Slot", forged(world, **claims))).status_code == 401


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"kid": "another"}, {"typ": None}], ids=str)
async def test_a_header_that_is_off_opens_nothing(world: Asking, header: dict[str, Any]) -> None:
    head = {name: value for name, value in header.items() if value is not None}
    if "typ" in header and header["typ"] is None:
        head = {"typ": "id"}
    assert (await world.get("/fhir/Slot", forged(world, header=head))).status_code == 401


async def test_another_key_opens_nothing_however_it_is_named(world: Asking, capsys: pytest.CaptureFixture[str]) -> None:
    own, strange = own_key(world), ec_key("strange", "P-256")
    public = json.dumps(own.private.as_dict(private=False)).encode()
    tokens = [
        forged(world, strange),
        forged(world, strange, header={"kid": "strange", "jwk": strange.as_dict(private=False)}),
        forged(world, strange, header={"kid": "strange", "jku": "https://evil.example/keys"}),
        forged(world, strange, header={"kid": "strange", "x5u": "https://evil.example/cert"}),
        forged(world, rsa_key("rsa", RSA_BITS), header={"alg": "RS256", "kid": "rsa"}),
        forged(world, OctKey.import_key(public), header={"alg": "HS256"}),
        unsigned(forged(world), "none"),
        unsigned(forged(world), "NONE"),
        forged(world) + "x" * 10_000,
        ".".join(["e30"] * 3),
        "x" * 5000,
    ]

    answers = [await world.get("/fhir/Slot", token) for token in tokens]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.headers["www-authenticate"] for answer in answers}) == 1
    said = capsys.readouterr().out
    assert not any(token in said or token.split(".")[-1] in said for token in tokens if len(token.split(".")[-1]) > 20)


async def test_two_tokens_in_one_request_are_refused(world: Asking) -> None:
    good = f"Bearer {forged(world)}"
    http = world.service.http

    answers = [
        await http.get("/fhir/Slot?_summary=count", headers=[("Authorization", one), ("Authorization", other)])
        for one, other in ((good, "Bearer x"), ("Bearer x", good), (good, good))
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert answers[0].json()["resourceType"] == "OperationOutcome"
