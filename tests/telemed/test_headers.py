"""Passive checks of every answer of every route: what browsers and caches are told, and what an error gives away."""

import asyncio
import json
import re
from collections.abc import Callable
from http.cookies import SimpleCookie

import httpx
import pytest

from infra.database import open_database
from tests.telemed.asked import HOSTILE, Asked, everything
from tests.telemed.service import BASE, demo_settings, running

# What may lie in a cache, and why nothing in it is anybody's.
CACHED = {
    "/assets/{version_asked}/{folder}/{name}": "files of ours, with a version in the address",
    "/oauth/jwks.json": "public keys",
    "/fhir/metadata": "what the server can do, asked for anew each time",
}
# Cookies that hold a choice of the reader and open nothing.
CHOICES = frozenset({"lang", "text"})
TRACES = re.compile(
    r'Traceback|File \\?"/|site-packages|\.py\b.{0,9}\bline \d|sqlalchemy|asyncpg|sqlite3|pydantic', re.IGNORECASE
)
PROGRAMS = re.compile(r"uvicorn|starlette|fastapi|python|werkzeug", re.IGNORECASE)
Check = Callable[[Asked], bool]


def policy(asked: Asked) -> dict[str, list[str]]:
    """The directives of the content security policy."""
    parts = (part.split() for part in asked.header("content-security-policy").split(";"))
    return {part[0]: part[1:] for part in parts if part}


def cookies(asked: Asked) -> list[tuple[str, dict[str, str]]]:
    """The cookies that an answer sets, with their attributes; those that it takes back too."""
    held = [SimpleCookie(line) for line in asked.answer.headers.get_list("set-cookie")]
    return [(name, dict(morsel)) for jar in held for name, morsel in jar.items()]


def is_html(asked: Asked) -> bool:
    """True for a page."""
    return asked.header("content-type").startswith("text/html")


CHECKS: dict[str, Check] = {
    "the policy begins with nothing": lambda asked: policy(asked).get("default-src") == ["'none'"],
    "no script or style but from files of ours": lambda asked: all(
        set(policy(asked).get(kind, [])) <= {"'self'"} for kind in ("script-src", "style-src", "img-src")
    ),
    "no eval and nothing inline": lambda asked: "unsafe" not in asked.header("content-security-policy"),
    "nobody frames us": lambda asked: policy(asked).get("frame-ancestors") == ["'none'"],
    "no other base": lambda asked: policy(asked).get("base-uri") == ["'none'"],
    "forms go nowhere but to us": lambda asked: policy(asked).get("form-action") in (["'self'"], ["'none'"]),
    "types are not guessed": lambda asked: asked.header("x-content-type-options") == "nosniff",
    "the address is not passed on": lambda asked: asked.header("referrer-policy") in ("no-referrer", "same-origin"),
    "transport stays encrypted": lambda asked: (
        asked.header("strict-transport-security") == "max-age=63072000; includeSubDomains"
    ),
    "no other window holds ours": lambda asked: asked.header("cross-origin-opener-policy") == "same-origin",
    "no other site loads our answers": lambda asked: asked.header("cross-origin-resource-policy") == "same-origin",
    "location and advertising are off": lambda asked: all(
        part in asked.header("permissions-policy")
        for part in ("geolocation=()", "browsing-topics=()", "camera=(self)", "microphone=(self)")
    ),
    "nothing of anybody lies in a cache": lambda asked: (
        "no-store" in asked.header("cache-control") or (asked.path in CACHED and asked.answer.status_code < 400)
    ),
    "no foreign page reads along": lambda asked: (
        asked.header("access-control-allow-origin") in ("", "*")
        and not asked.header("access-control-allow-credentials")
    ),
    "a session's cookie is bound to host, path, TLS and HTTP": lambda asked: all(
        name.startswith("__Host-")
        and all((attributes["secure"], attributes["httponly"], attributes["path"] == "/"))
        and not attributes["domain"]
        for name, attributes in cookies(asked)
        if name not in CHOICES
    ),
    "every cookie says who may send it along": lambda asked: all(
        attributes["samesite"].lower() in ("lax", "strict") for _, attributes in cookies(asked)
    ),
    "what serves us is not named": lambda asked: (
        not PROGRAMS.search(asked.header("server") + asked.header("x-powered-by") + asked.header("via"))
    ),
    "an error tells nothing of our inside": lambda asked: not TRACES.search(asked.answer.text),
    "nothing is our fault": lambda asked: asked.answer.status_code < 500,
    "a body says what it is": lambda asked: not asked.answer.content or "/" in asked.header("content-type"),
    "text says how it is written": lambda asked: (
        not asked.header("content-type").startswith("text/") or "charset=utf-8" in asked.header("content-type").lower()
    ),
    "under /fhir an error is an OperationOutcome": lambda asked: (
        not asked.path.startswith("/fhir/")
        or asked.answer.status_code < 400
        or not asked.answer.content
        or json.loads(asked.answer.content)["resourceType"] == "OperationOutcome"
    ),
    "a request can be found in the log": lambda asked: bool(
        re.fullmatch(r"[0-9a-f]{16}", asked.header("x-request-id"))
    ),
    "a redirect stays with us": lambda asked: bool(
        re.fullmatch(r"|/(?!/).*|https?://localhost:8000/.*", asked.header("location"))
    ),
    "a page has no script of its own": lambda asked: (
        not is_html(asked) or not re.search(r"<script(?![^>]*\ssrc=)(?![^>]*json)|\son\w+=\"", asked.answer.text)
    ),
    "a 401 says how to sign in": lambda asked: (
        asked.answer.status_code != 401
        or is_html(asked)
        or bool(asked.header("www-authenticate"))
        or "oauth" in asked.path
    ),
    "a 405 says what is taken": lambda asked: asked.answer.status_code != 405 or "allow" in asked.answer.headers,
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[Asked]:
    """All answers of a service behind TLS, asked once."""
    folder = tmp_path_factory.mktemp("headers")
    url = f"sqlite:///{folder / 'telemed.sqlite3'}"

    async def ask() -> list[Asked]:
        database = open_database(url)
        await database.create_all()
        await database.close()
        # So many questions within a second would be too many of one address.
        patient = {f"rate_{kind}": "100000/second" for kind in ("person", "token", "code", "sign_in", "pages")}
        changed = patient | {"base_url": BASE.replace("http:", "https:")}
        behind_tls = demo_settings(folder, url).model_copy(update=changed)
        async with running(behind_tls) as service:
            return await everything(service)

    return asyncio.run(ask())


@pytest.mark.parametrize("name", CHECKS)
def test_every_answer_of_every_route_passes(answers: list[Asked], name: str) -> None:
    assert [str(asked) for asked in answers if not CHECKS[name](asked)] == []


POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
GOOD = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), browsing-topics=()",
    "Cache-Control": "no-store",
    "X-Request-Id": "0123456789abcdef",
    "Content-Type": "text/html; charset=utf-8",
}


def answer(status: int = 200, text: str = "<p>Text</p>", *, path: str = "/console", **changed: str) -> Asked:
    """A good answer but for what is changed; `_` stands for the hyphen of a header's name."""
    headers = GOOD | {name.replace("_", "-").title(): value for name, value in changed.items()}
    return Asked("GET", path, httpx.Response(status, text=text, headers=headers))


# For each check an answer that it must not let pass.
BROKEN = {
    "the policy begins with nothing": answer(content_security_policy=POLICY.replace("'none'", "'self'", 1)),
    "no script or style but from files of ours": answer(content_security_policy=POLICY + "; script-src 'self' https:"),
    "no eval and nothing inline": answer(content_security_policy=POLICY + "; script-src 'unsafe-inline'"),
    "nobody frames us": answer(content_security_policy="default-src 'none'"),
    "no other base": answer(content_security_policy="default-src 'none'"),
    "forms go nowhere but to us": answer(content_security_policy="default-src 'none'"),
    "types are not guessed": answer(x_content_type_options=""),
    "the address is not passed on": answer(referrer_policy="unsafe-url"),
    "transport stays encrypted": answer(strict_transport_security="max-age=1"),
    "no other window holds ours": answer(cross_origin_opener_policy="unsafe-none"),
    "no other site loads our answers": answer(cross_origin_resource_policy="cross-origin"),
    "location and advertising are off": answer(permissions_policy="camera=(self), microphone=(self)"),
    "nothing of anybody lies in a cache": answer(cache_control="max-age=60"),
    "no foreign page reads along": answer(access_control_allow_origin=HOSTILE),
    "a session's cookie is bound to host, path, TLS and HTTP": answer(set_cookie="__Host-s=1; Secure; Path=/"),
    "every cookie says who may send it along": answer(set_cookie="__Host-s=1; Secure; HttpOnly; Path=/"),
    "what serves us is not named": answer(server="uvicorn"),
    "an error tells nothing of our inside": answer(500, "Traceback (most recent call last):"),
    "nothing is our fault": answer(500),
    "a body says what it is": answer(content_type=""),
    "text says how it is written": answer(content_type="text/plain"),
    "under /fhir an error is an OperationOutcome": answer(404, '{"resourceType": "Patient"}', path="/fhir/Patient"),
    "a request can be found in the log": answer(x_request_id="made up"),
    "a redirect stays with us": answer(303, location="//evil.example/"),
    "a page has no script of its own": answer(text="<script>start()</script>"),
    "a 401 says how to sign in": answer(401, "{}", content_type="application/json"),
    "a 405 says what is taken": answer(405),
}


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_sees_what_it_is_there_for(name: str) -> None:
    assert not CHECKS[name](BROKEN[name])
    assert all(check(answer()) for check in CHECKS.values())


def test_methods_that_nobody_needs_are_refused(answers: list[Asked]) -> None:
    found = {asked.answer.status_code for asked in answers if asked.method in ("TRACE", "PROPFIND")}

    assert found <= {401, 404, 405} and 405 in found
