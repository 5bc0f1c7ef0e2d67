"""What codes and refresh tokens are worth: once, for their owner, for a while; a second use ends all that came of it."""

import asyncio
import json
from base64 import urlsafe_b64decode
from datetime import timedelta

import pytest
from sqlmodel import Session, select

from infra.vault import Vault
from telemed.identity import grants, sessions
from telemed.identity.lifetimes import CODE, REFRESH_ABSOLUTE, REFRESH_IDLE, STANDING
from telemed.identity.models import AuthorizationCode, OAuthClient, OAuthGrant, RefreshToken
from tests.telemed.identity.asking import BACK, STANDALONE, Asking
from tests.telemed.visits.clinic import PATIENT

SCOPE = "user/Patient.rs offline_access"


def later(world: Asking, by: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's clock goes on by this."""
    clock = world.service.services.system_clock
    now = clock.now
    monkeypatch.setattr(type(clock), "now", lambda _self: now() + by)


async def alive(world: Asking, token: str) -> bool:
    """Whether the record still answers to the token, were it looked up now."""
    world.service.services.token_check._known.clear()
    return (await world.get(f"/fhir/Patient/{PATIENT}", token)).status_code == 200


async def test_a_code_used_twice_ends_what_came_of_it(world: Asking) -> None:
    code = await world.code(world.public, SCOPE)

    first, second = await world.public.redeem(code), await world.public.redeem(code)

    assert (first.status_code, second.status_code, second.json()["error"]) == (200, 400, "invalid_grant")
    assert not await alive(world, first.json()["access_token"])
    assert (await world.public.refresh(first.json()["refresh_token"])).json()["error"] == "invalid_grant"


async def test_of_many_parallel_redemptions_of_one_code_one_wins(world: Asking) -> None:
    code = await world.code(world.public, SCOPE)

    answers = await asyncio.gather(*(world.public.redeem(code) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19


async def test_a_refresh_token_used_twice_ends_the_family(world: Asking) -> None:
    first = await world.tokens(world.public, SCOPE)
    second = (await world.public.refresh(first["refresh_token"])).json()

    stolen = await world.public.refresh(first["refresh_token"])

    assert stolen.json()["error"] == "invalid_grant"
    assert (await world.public.refresh(second["refresh_token"])).json()["error"] == "invalid_grant"
    assert not await alive(world, second["access_token"])


async def test_of_many_parallel_uses_of_one_refresh_token_one_wins(world: Asking) -> None:
    token = (await world.tokens(world.public, SCOPE))["refresh_token"]

    answers = await asyncio.gather(*(world.public.refresh(token) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": f"{BACK}/"},
        {"redirect_uri": ""},
        {"redirect_uri": "http://localhost:3000/cb"},
        {"code_verifier": "x" * 43},
        {"code_verifier": ""},
        {"code_verifier": "x"},
    ],
    ids=str,
)
async def test_a_code_with_something_that_is_not_its_own_is_refused_and_burnt(
    world: Asking, changed: dict[str, str]
) -> None:
    code = await world.code(world.public, SCOPE)

    refused = await world.public.redeem(code, **changed)
    again = await world.public.redeem(code)

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert again.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("code", ["unknown", "", "\u00e4" * 50, "x" * 9000, "\x00", "\ud800"], ids=ascii)
async def test_what_is_no_code_or_token_is_refused_alike(world: Asking, code: str) -> None:
    sent = code.encode("utf-8", "surrogatepass").decode("latin-1")
    for answer in (await world.public.redeem(sent), await world.public.refresh(sent)):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_code_of_another_client_is_refused_and_burnt(world: Asking) -> None:
    code = await world.code(world.public, SCOPE)
    world.keyed.verifier = world.public.verifier

    assert (await world.keyed.redeem(code)).json()["error"] == "invalid_grant"
    assert (await world.public.redeem(code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_refresh_token_of_another_client_is_refused_and_ends_the_family(world: Asking) -> None:
    tokens = await world.tokens(world.public, SCOPE)

    assert (await world.keyed.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await world.public.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_refresh_token_alone_is_enough_of_a_public_app_and_of_no_other(world: Asking) -> None:
    http, form = world.service.http, {"grant_type": "refresh_token"}
    public, keyed = await world.tokens(world.public, SCOPE), await world.tokens(world.keyed, SCOPE)

    of_public = await http.post("/oauth/token", data=form | {"refresh_token": public["refresh_token"]})
    of_keyed = await http.post("/oauth/token", data=form | {"refresh_token": keyed["refresh_token"]})
    of_nobody = await http.post("/oauth/token", data=form | {"refresh_token": "x"})

    assert [answer.status_code for answer in (of_public, of_keyed, of_nobody)] == [200, 401, 401]
    assert (await world.keyed.refresh(keyed["refresh_token"])).status_code == 200, "who proves nothing burns nothing"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_client_with_keys_is_not_believed_by_its_id(world: Asking) -> None:
    code = await world.code(world.keyed, SCOPE)
    world.keyed.keys, keys = None, world.keyed.keys

    refused = await world.keyed.redeem(code)
    world.keyed.keys = keys

    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert (await world.keyed.redeem(code)).status_code == 200, "who proves nothing burns nothing"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("more", [{"client_secret": "x"}, {"client_id": "nobody"}, {"client_id": "a\x00b"}], ids=str)
async def test_what_is_no_public_app_is_refused(world: Asking, more: dict[str, str]) -> None:
    answer = await world.public.redeem("x", **more)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_code_is_good_for_a_minute(world: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    code = await world.code(world.public, SCOPE)
    later(world, CODE, monkeypatch)

    assert (await world.public.redeem(code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_refresh_token_ends_by_idling_and_the_family_by_its_age(
    world: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle, busy = await world.tokens(world.public, SCOPE), await world.tokens(world.public, SCOPE)
    later(world, REFRESH_IDLE - timedelta(minutes=1), monkeypatch)
    kept = (await world.public.refresh(busy["refresh_token"])).json()
    later(world, timedelta(minutes=1), monkeypatch)
    left = await world.public.refresh(idle["refresh_token"])
    kept = (await world.public.refresh(kept["refresh_token"])).json()
    later(world, REFRESH_ABSOLUTE - REFRESH_IDLE, monkeypatch)

    assert left.json()["error"] == "invalid_grant"
    assert (await world.public.refresh(kept["refresh_token"])).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_refresh_may_narrow_and_never_widen(world: Asking) -> None:
    tokens = await world.tokens(world.public, "user/*.rs offline_access")
    narrow = (await world.public.refresh(tokens["refresh_token"], scope="user/Patient.r")).json()
    wide = await world.public.refresh(narrow["refresh_token"], scope="user/*.cruds")

    assert narrow["scope"] == "user/Patient.r"
    assert wide.json()["error"] == "invalid_scope"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_what_an_app_is_no_longer_registered_for_is_gone_with_the_next_refresh(world: Asking) -> None:
    tokens = await world.tokens(world.public, "user/Patient.rs user/Observation.rs offline_access")

    async def registered(scope: str) -> None:
        def unit(session: Session) -> None:
            session.get_one(OAuthClient, "public-app").scope = scope

        await world.service.services.database.write(unit)

    await registered("user/Patient.rs offline_access")
    less = (await world.public.refresh(tokens["refresh_token"])).json()
    await registered("user/Slot.rs")
    nothing = await world.public.refresh(less["refresh_token"])

    assert less["scope"] == "user/Patient.rs offline_access"
    assert nothing.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_person_is_asked_for_refresh_tokens_and_a_system_never_gets_one(world: Asking) -> None:
    assert "refresh_token" not in await world.tokens(world.public, "user/Patient.rs")
    answer = await world.keyed.post("token_endpoint", {"grant_type": "client_credentials", "scope": "user/Patient.rs"})
    assert answer.json()["error"] == "invalid_scope", "what people allow is nothing that a client takes by itself"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_identity_tokens_and_access_tokens_do_not_stand_in_for_each_other(world: Asking) -> None:
    tokens = await world.tokens(world.public, STANDALONE)
    header = json.loads(urlsafe_b64decode(tokens["id_token"].split(".")[0] + "=="))

    assert header["alg"] == "RS256", "what SMART asks every server to support"
    assert (await world.get(f"/fhir/Patient/{PATIENT}", tokens["id_token"])).status_code == 401
    claims = await world.public.identity(tokens["id_token"])
    assert "doctor" not in claims["sub"] and not claims.keys() & {"name", "email", "scope"}


async def test_only_hashes_lie_in_the_database_and_all_goes_once_it_is_over(world: Asking, database_kind: str) -> None:
    tokens = await world.tokens(world.public, SCOPE)
    database, now = world.service.services.database, world.service.services.system_clock.now()

    rows = await database.read(_rows)
    assert len(rows) == 3
    assert tokens["refresh_token"] not in repr(rows) and tokens["access_token"] not in repr(rows)
    await database.write(lambda session: sessions.tidy(session, now=now + timedelta(days=1)))

    assert await database.read(_rows) == []


def _rows(session: Session) -> list[object]:
    tables = (AuthorizationCode, RefreshToken, OAuthGrant)
    return [row.model_dump() for table in tables for row in session.exec(select(table))]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_what_is_refused_is_logged_without_code_or_token(
    world: Asking, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await world.code(world.public, SCOPE)
    first = (await world.public.redeem(code)).json()
    await world.public.redeem(code)
    await world.public.refresh(first["refresh_token"])
    await world.get("/fhir/Patient", first.get("id_token", "x.y.z"))

    said = capsys.readouterr().out
    assert "token_refused" in said and "token_family_ended" in said
    assert not any(secret in said for secret in (code, first["refresh_token"], first["access_token"]))


async def test_without_the_condition_two_would_redeem_one_code(
    world: Asking, monkeypatch: pytest.MonkeyPatch, vault: Vault
) -> None:
    """The twin: taking without looking whether it is taken lets a second one in."""

    def careless(session: object, table: object, digest: bytes, *, now: object) -> object:
        return session.get(table, digest)  # type: ignore[attr-defined]

    monkeypatch.setattr(grants, "_take", careless)
    code = await world.code(world.public, SCOPE)

    answers = [await world.public.redeem(code) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_without_ending_the_family_a_stolen_token_would_live_on(
    world: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: with the end left out, the token that came of the theft still opens the record."""
    monkeypatch.setattr(grants, "end", lambda _session, _grant, *, now: None)
    first = await world.tokens(world.public, SCOPE)
    second = (await world.public.refresh(first["refresh_token"])).json()
    await world.public.refresh(first["refresh_token"])

    assert await alive(world, second["access_token"])


def test_what_is_looked_up_about_a_token_is_believed_for_seconds() -> None:
    assert timedelta(0) < STANDING <= timedelta(seconds=10)
