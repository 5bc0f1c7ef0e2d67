"""The authorisation endpoint: every near miss is refused, and nothing ever leaves for a stranger's address."""

import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemed.identity.addresses import UnusableAddress, is_usable, require_usable
from telemed.identity.authorization import AuthorizationError, Return, UnknownApp, addressee, granted, read
from telemed.identity.clients import App, register
from telemed.identity.grants import verifies
from telemed.identity.models import OAuthClient
from telemed.identity.names import UnusableName, require_readable, skeleton
from tests.telemed.identity.asking import BACK, HTML, STANDALONE, Asking

BASE = "https://telemed.example"
FHIR = f"{BASE}/fhir"
REGISTERED = "openid fhirUser launch/patient offline_access user/Patient.rs patient/*.rs user/Observation.rs?category=x"
CLIENT = OAuthClient(
    client_id="app",
    tenant="a",
    jwks={},
    scope=REGISTERED,
    redirect_uris=[BACK, "https://app.example/cb?x=1"],
    created=datetime(2026, 1, 1, tzinfo=UTC),
    name="App",
)
GOOD = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": BACK,
    "scope": "user/Patient.rs",
    "state": "s" * 22,
    "aud": FHIR,
    "code_challenge": "c" * 43,
    "code_challenge_method": "S256",
}


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def error_of(**changed: str | None) -> str:
    """The error for a good request with something changed; empty if it stays good."""
    fields = [(name, value) for name, value in (GOOD | changed).items() if value is not None]
    try:
        read(fields, CLIENT, addressee(fields, CLIENT), audience=FHIR)
    except AuthorizationError as refused:
        return refused.error
    return ""


def test_a_good_request_is_read() -> None:
    assert error_of() == ""
    assert error_of(aud=f"{FHIR}/") == ""
    assert error_of(unknown="is ignored") == ""


@pytest.mark.parametrize("method", [None, "plain", "s256", "S256 ", "none", ""])
def test_pkce_by_anything_but_s256_is_refused_for_every_client(method: str | None) -> None:
    assert error_of(code_challenge_method=method) == "invalid_request"


@pytest.mark.parametrize(
    "challenge", [None, "", "c" * 42, "c" * 44, "c" * 42 + "=", "c" * 42 + "+", "c" * 42 + "\u0441"]
)
def test_pkce_without_a_whole_challenge_is_refused(challenge: str | None) -> None:
    assert error_of(code_challenge=challenge) == "invalid_request"


@pytest.mark.parametrize(
    "aud", [None, "", BASE, "https://evil.example/fhir", f"{FHIR}/../fhir", f"{FHIR} {FHIR}", FHIR.upper()]
)
def test_an_audience_that_is_not_this_record_is_refused(aud: str | None) -> None:
    assert error_of(aud=aud) == "invalid_request"


@pytest.mark.parametrize("kind", ["token", "code token", "id_token", "CODE", "none", "", None])
def test_no_response_type_but_code_is_served(kind: str | None) -> None:
    assert error_of(response_type=kind) == "unsupported_response_type"


@pytest.mark.parametrize("mode", ["fragment", "form_post", "web_message", ""])
def test_no_response_mode_puts_the_code_elsewhere(mode: str) -> None:
    assert error_of(response_mode=mode) == "invalid_request"


@pytest.mark.parametrize("state", [None, "", "x" * 513, "a\nb", "\u0430bc"])
def test_a_request_without_a_usable_state_is_refused(state: str | None) -> None:
    assert error_of(state=state) == "invalid_request"


def test_request_objects_and_silent_requests_are_refused() -> None:
    assert error_of(request="e30.e30.") == "request_not_supported"
    assert error_of(request_uri="https://evil.example/r") == "request_uri_not_supported"
    assert error_of(prompt="none") == "interaction_required"


@pytest.mark.parametrize("name", sorted(set(GOOD) - {"client_id", "redirect_uri"}))
def test_a_repeated_parameter_is_refused(name: str) -> None:
    fields = [*GOOD.items(), (name, GOOD[name])]

    with pytest.raises(AuthorizationError) as refused:
        read(fields, CLIENT, addressee(fields, CLIENT), audience=FHIR)

    assert refused.value.error == "invalid_request"


@pytest.mark.parametrize(
    "address",
    [
        "https://app.example/cb/", "https://app.example/CB", "https://app.example/cb?", "https://app.example/cb?x=2",
        "https://app.example/cb#", "https://app.example/cb/../cb", "https://app.example//cb", "http://app.example/cb",
        "https://app.example:443/cb", "https://app.example./cb", "https://APP.example/cb", "https://app.example@evil.example/cb",
        "https://evil.example/https://app.example/cb", "https://app.example.evil.example/cb", "https://app.example/cb%2f",
        "https://\u0430pp.example/cb", "//app.example/cb", "javascript:alert(1)", "", "https://app.example/cb ",
        "https://app.example/cb\r\nSet-Cookie: a=b", "https://app.example/cb?x=1&y=2",
    ],
)  # fmt: skip
def test_an_address_that_is_nearly_the_registered_one_is_nobodys(address: str) -> None:
    with pytest.raises(UnknownApp):
        addressee([*(GOOD | {"redirect_uri": address}).items()], CLIENT)


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_client_and_address_are_named_once(name: str) -> None:
    for fields in ([*GOOD.items(), (name, GOOD[name])], [item for item in GOOD.items() if item[0] != name]):
        with pytest.raises(UnknownApp):
            addressee(fields, CLIENT)


@given(st.text(max_size=40))
def test_no_address_but_the_registered_ones_is_ever_answered(text: str) -> None:
    for address in (text, BACK + text, BACK[:-1] + text):
        if address not in CLIENT.redirect_uris:
            with pytest.raises(UnknownApp):
                addressee([*(GOOD | {"redirect_uri": address}).items()], CLIENT)


def test_an_answer_keeps_the_registered_query_and_names_the_issuer() -> None:
    there = Return("https://app.example/cb?x=1", "a b&c").address(BASE, code="k")

    assert dict(parse_qsl(urlsplit(there).query)) == {"x": "1", "code": "k", "state": "a b&c", "iss": BASE}


@pytest.mark.parametrize(
    "scope",
    [
        "", " ", "USER/Patient.rs", "user/patient.rs", "user/Patient.RS", "user/Patient.sr", "user/Patient.rs ",
        " user/Patient.rs", "user/Patient.rs  openid", "user/Patient.rs\topenid", "user/Patient.rs\nopenid",
        "user/Patient.rs\x00", "user/Patient.rs\u00a0openid", "u\u0455er/Patient.rs", 'user/Patient.rs "', "user/Patient.rs\\",
        "system/Patient.rs", "user/Patient.read", "user/*.*", "OpenID", "fhirUser", "launch/encounter", "user/Basic.r",
        "user/Observation.rs?category=x&_count=1", "user/Observation.rs?", "user/Patient.rs?_id=1", "x" * 2001,
    ],
)  # fmt: skip
def test_a_scope_by_another_case_blanks_or_signs_opens_nothing(scope: str) -> None:
    with pytest.raises(AuthorizationError) as refused:
        granted(scope, CLIENT)

    assert refused.value.error == "invalid_scope"


def test_launch_as_a_scope_means_nothing_without_a_launch_and_a_launch_nothing_without_the_scope() -> None:
    able = CLIENT.model_copy(update={"scope": f"{REGISTERED} launch"})

    def asked(**changed: str) -> tuple[str, ...]:
        fields = [*(GOOD | changed).items()]
        return read(fields, able, addressee(fields, able), audience=FHIR).scopes

    assert asked(scope="launch user/Patient.rs") == ("user/Patient.rs",)
    assert asked(scope="launch user/Patient.rs", launch="x") == ("launch", "user/Patient.rs")
    for changed in ({"scope": "launch"}, {"launch": "x"}, {"scope": "launch user/Patient.rs", "launch": "x" * 101}):
        with pytest.raises(AuthorizationError):
            asked(**changed)


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("user/Patient.rs", "user/Patient.rs"),
        ("user/Patient.cruds", "user/Patient.rs"),
        ("user/*.r", "user/Patient.r user/Observation.r?category=x"),
        ("user/Observation.rs", "user/Observation.rs?category=x"),
        ("user/Observation.rs?status=final", "user/Observation.rs?category=x&status=final"),
        ("user/Observation.rs?category=x", "user/Observation.rs?category=x"),
        ("patient/Condition.rs patient/*.r", "patient/Condition.rs patient/*.r"),
        ("launch/patient online_access", "launch/patient"),
    ],
)
def test_what_is_asked_for_is_narrowed_to_the_registration(asked: str, got: str) -> None:
    assert granted(asked, CLIENT) == tuple(got.split())
    assert granted(got, CLIENT) == tuple(got.split()), "narrowing again changes nothing"


def test_only_the_verifier_of_the_challenge_fits() -> None:
    # RFC 7636, appendix B.
    verifier, challenge = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

    assert verifies(verifier, challenge)
    assert not any(
        verifies(other, challenge) for other in (challenge, verifier[:-1], verifier + "=", "", verifier[:-1] + "K")
    )


async def test_a_strangers_app_or_address_gets_a_page_and_nobody_is_sent_anywhere(world: Asking) -> None:
    async with world.service.browser() as stranger:
        for browser in (world.browser, stranger):
            for changed in ({"client_id": "nobody"}, {"redirect_uri": "https://evil.example/cb"}):
                answer = await browser.get(world.public.address(STANDALONE, **changed), headers=HTML)

                assert answer.status_code == 400 and "location" not in answer.headers
                assert "This app is not known here." in answer.text and "evil.example" not in answer.text


async def test_a_wrong_request_goes_back_with_error_state_and_issuer(world: Asking) -> None:
    answer = await world.shown(world.public, code_challenge_method="plain")

    told = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert answer.status_code == 303, "never 307, which would send a form on (RFC 9700 4.12)"
    assert (told["error"], told["state"], told["iss"]) == (
        "invalid_request",
        world.public.state,
        "http://localhost:8000",
    )


async def test_the_page_is_strict_unpacked_and_leads_to_the_apps_origin_alone(world: Asking) -> None:
    page = await world.browser.get(world.public.address(STANDALONE), headers=HTML | {"Accept-Encoding": "gzip"})

    policy = page.headers["content-security-policy"]
    assert "form-action 'self' https://app.example;" in policy and "frame-ancestors 'none'" in policy
    assert "content-encoding" not in page.headers and page.headers["cache-control"] == "no-store"
    assert not re.search(r"<script| style=| on[a-z]+=", page.text)


async def test_what_an_app_sends_is_shown_as_text(world: Asking) -> None:
    page = await world.shown(world.public, state='"><script>alert(1)</script>')

    assert "<script>" not in page.text and "&lt;script&gt;" in page.text


async def test_another_page_can_not_answer_for_the_person(world: Asking) -> None:
    page = await world.shown(world.public, "user/Patient.rs")
    world.browser.headers["Sec-Fetch-Site"] = "cross-site"

    refused = await world.answer(page)

    assert refused.status_code == 403 and "location" not in refused.headers


async def test_an_app_that_posts_its_request_is_answered_by_the_page_for_it(world: Asking) -> None:
    asked = world.public.asked("user/Patient.rs")
    world.browser.headers["Sec-Fetch-Site"] = "cross-site"

    sent = await world.browser.post("/oauth/authorize", data=asked)

    assert sent.status_code == 303 and sent.headers["location"].startswith("/oauth/authorize?")
    assert (await world.browser.get(sent.headers["location"])).status_code == 200


async def test_discovery_names_what_is_there_and_no_more(world: Asking) -> None:
    http = world.service.http
    smart = (await http.get("/fhir/.well-known/smart-configuration")).json()
    oauth = (await http.get("/.well-known/oauth-authorization-server")).json()
    openid = (await http.get("/.well-known/openid-configuration")).json()

    for document in (smart, oauth, openid):
        for name in (name for name in document if name.endswith(("_endpoint", "_uri"))):
            asked = await http.request("GET", document[name])
            assert asked.status_code in (200, 400, 405), name
    assert oauth.items() <= smart.items() and oauth.items() <= openid.items()
    assert oauth["code_challenge_methods_supported"] == ["S256"]
    assert oauth["authorization_response_iss_parameter_supported"] is True


@pytest.mark.parametrize(
    "address",
    [
        "http://app.example/cb", "https://app.example/cb#x", "https://u:p@app.example/cb", "https://*.example/cb", "ftp://a/b",
        "https:///cb", "https://app.example/a b", "https://\u0430.example/", "javascript:1", "https://app.example/../x",
        "http://localhost.evil.example/", "http://127.0.0.1.evil.example/", "https://app.example:x/", "https://" + "a" * 500,
    ],
)  # fmt: skip
def test_an_address_that_could_mislead_is_not_registered(address: str) -> None:
    with pytest.raises(UnusableAddress):
        require_usable(address)


def test_addresses_on_the_own_machine_may_do_without_tls() -> None:
    assert all(map(is_usable, ["http://localhost:3000/cb", "http://127.0.0.1/cb", "http://[::1]:5/cb", BACK]))


@pytest.mark.parametrize(
    "name",
    [
        "\u041aurvenblatt", "Kurven\u200bblatt", "Kurven\u00adblatt", "\u202ettalbnevruK", "Kurven\u2024blatt", "\uff2burven",
        "Kurvenblatt ", " Kurvenblatt", "Kurven  blatt", "Kurvenblatt\n", "Kurvenblatt\x00", "Ku", "K" * 61, "", "123",
        "K\u0331urvenblatt", "Kurvenb\u01c0att", "<b>Kurve</b>", "Kurve\u00a0Blatt",
    ],
)  # fmt: skip
def test_a_name_that_hides_or_disguises_something_is_refused(name: str) -> None:
    with pytest.raises(UnusableName):
        require_readable(name)


@pytest.mark.parametrize(
    "alike", ["kurvenblatt", "Kurvenbiatt", "Kuruenblatt", "K\u00fcrvenblatt", "Kurven-Blatt", "KurvenbIatt"]
)
async def test_a_name_that_looks_like_anothers_is_refused(world: Asking, alike: str) -> None:
    app, now = App(alike, (BACK,)), world.service.services.system_clock.now()

    with pytest.raises(UnusableName):
        await world.service.services.database.write(
            lambda session: register(session, client_id="other", tenant="clinic-a", scope="user/*.rs", now=now, app=app)
        )


def test_ordinary_names_are_told_apart() -> None:
    names = ["Kurvenblatt", "Arztbrief-Helfer", "M\u00fcller & S\u00f6hne", "Wunddoku (Pflege)", "Termin+ 2"]

    for name in names:
        require_readable(name)
    assert len({skeleton(name) for name in names}) == len(names)
