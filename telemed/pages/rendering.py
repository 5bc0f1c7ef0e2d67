"""Pages: a template, a language, and the headers every page carries."""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import Request, Response
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from telemed.pages.assets import asset_url
from telemed.pages.languages import (
    COOKIE,
    RIGHT_TO_LEFT,
    choose,
    is_reviewed,
    languages_at,
    translate,
    translations,
)
from telemed.pages.times import (
    day_and_time,
    day_in_words,
    moment_in_numbers,
    month_in_words,
    short_day,
    time_in_words,
    time_of_day,
)
from telemed.services import services_of

BIG_TEXT_COOKIE: Final = "text"
# What a page's links keep of its query, unless its room says more: nothing in which somebody could hide a guess at what
# else stands on a packed page (BREACH).
KEPT: Final = re.compile(r"own=yes|page=\d{1,4}")
CHOICE_LIFETIME: Final = 365 * 24 * 3600
HOST: Final = re.compile(r"[A-Za-z0-9.-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?")

# Nothing from outside, nothing inline, no frames. `blob:` is what a page's own camera picture may need.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; "
    "connect-src 'self'{socket}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Rooms with pages of their own.
OTHERS: Final = tuple(
    PackageLoader(f"telemed.{room}") for room in ("mydata", "signin", "emergency", "releases", "rights")
)
HEADERS: Final = {
    "Cache-Control": "no-store",
    # Not `no-referrer`: that would turn the Origin of our own form posts into `null`.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=(), browsing-topics=()",
    "Vary": "Accept-Encoding, Accept-Language, Cookie",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """How somebody reads a page: in which language, in which they would rather, and whether in big letters."""

    language: str
    big_text: bool = False
    wanted: str = ""

    @property
    def direction(self) -> str:
        """Which way the language is written, as HTML says it."""
        return "rtl" if self.language in RIGHT_TO_LEFT else "ltr"

    @property
    def is_reviewed(self) -> bool:
        """True if a native reader has read what stands there."""
        return is_reviewed(self.language)


def reading_of(request: Request) -> Reading:
    """How this request's page is read: by link, by cookie, by the browser's preference."""
    choice = partial(
        choose,
        asked=request.query_params.get("lang"),
        cookie=request.cookies.get(COOKIE),
        accepted=request.headers.get("accept-language", ""),
    )
    size = request.query_params.get("text", request.cookies.get(BIG_TEXT_COOKIE, ""))
    return Reading(choice(offered=languages_at(request.url.path)), size == "big", choice())


def page(request: Request, template: str, *, status: int = 200, **context: object) -> Response:
    """A rendered page with all security headers, packed where the browser can unpack it."""
    return _dressed(request, _packed(request, _html(request, template, context), status))


def unpacked_page(request: Request, template: str, *, status: int = 200, **context: object) -> Response:
    """The same, never packed: for pages with names on them beside what an address from elsewhere brought (BREACH)."""
    return _dressed(request, Response(_html(request, template, context), status, media_type="text/html"))


def _html(request: Request, template: str, context: Mapping[str, Any]) -> bytes:
    reading = reading_of(request)
    asked = "&".join(part for part in request.url.query.split("&") if KEPT.fullmatch(part))
    html: str = (
        environment(reading.language)
        .get_template(template)
        .render(
            reading=reading,
            languages=languages_at(request.url.path),
            path=request.url.path,
            here=partial(here, request.url.path, context.get("query", asked)),
            phone=services_of(request).settings.phone,
            **context,
        )
    )
    return html.encode()


def here(path: str, query: str, **changed: str) -> str:
    """The address of a page with its query, one part of which is another."""
    kept = [(name, value) for name, value in parse_qsl(query) if name not in changed]
    return f"{path}?{urlencode([*kept, *changed.items()])}"


def _dressed(request: Request, response: Response) -> Response:
    response.headers.update(HEADERS)
    response.headers["Content-Security-Policy"] = content_policy(request)
    _remember(request, response, reading_of(request))
    return response


def let_forms_lead_to(response: Response, address: str) -> None:
    """Nothing; a form of this page may be answered by a redirect to the origin of the address."""
    policy = response.headers["Content-Security-Policy"]
    response.headers["Content-Security-Policy"] = policy.replace("form-action 'self'", f"form-action 'self' {address}")


def content_policy(request: Request) -> str:
    """The content security policy; names the WebSocket's origin, as older browsers don't count it to 'self'."""
    host = request.headers.get("host", "")
    scheme = "wss" if request.url.scheme == "https" else "ws"
    return POLICY.format(socket=f" {scheme}://{host}" if HOST.fullmatch(host) else "")


@lru_cache
def environment(language: str) -> Environment:
    """The template environment of a language."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader("telemed.pages"), PackageLoader("telemed.console"), *OTHERS]),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    made.globals["asset"] = asset_url
    # Half the size in Cyrillic and Arabic; signs that mean something in HTML are escaped all the same.
    made.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "sort_keys": True}
    made.globals["in_language"] = translate
    made.globals["rtl"] = RIGHT_TO_LEFT
    made.filters["day_and_time"] = lambda moment: day_and_time(moment, language=language)
    made.filters["day_in_words"] = lambda moment: day_in_words(moment, language=language)
    made.filters["month_in_words"] = lambda day: month_in_words(day, language=language)
    made.filters["moment_in_numbers"] = lambda moment: moment_in_numbers(moment, language=language)
    made.filters["short_day"] = lambda day: short_day(day, language=language)
    made.filters["time_in_words"] = lambda moment: time_in_words(moment, language=language)
    made.filters["time_of_day"] = lambda moment: time_of_day(moment, language=language)
    return made


def _packed(request: Request, body: bytes, status: int) -> Response:
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(body, status, media_type="text/html")
    # No page shows a secret of ours beside input of others, so packing gives nothing away (BREACH).
    return Response(gzip.compress(body, 6), status, headers={"Content-Encoding": "gzip"}, media_type="text/html")


def _remember(request: Request, response: Response, reading: Reading) -> None:
    for cookie, value in ((COOKIE, reading.wanted), (BIG_TEXT_COOKIE, "big" if reading.big_text else "")):
        if cookie in request.query_params:
            secure = request.url.scheme == "https"
            response.set_cookie(cookie, value, max_age=CHOICE_LIFETIME, httponly=True, samesite="lax", secure=secure)
