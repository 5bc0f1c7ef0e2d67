"""Problems as pages: whoever reads in a browser is told what to do, a program gets data."""

from typing import Final
from urllib.parse import urlencode

import msgspec
from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from infra.problems import NotFound, Problem, Unauthorized
from infra.rates.permits import TooManyRequests
from infra.web import problem_response
from telemed.identity.refusals import StaleSignIn
from telemed.pages.rendering import page, reading_of
from telemed.pages.texts import told
from telemed.services import services_of
from telemed.signin.stepup import StepUpNeeded

BROKEN = 500
# What people at work read where an address is not for their role, or a record is not to be worked with.
IN_WORDS: Final = {403: "not_your_role", 409: "not_now"}


def for_people(request: Request, problem: Problem) -> Response:
    """A page about an address that leads nowhere or about trouble of ours, where one is preferred; else data."""
    if isinstance(problem, TooManyRequests) and prefers_page(request.headers.get("accept", "")):
        return _in_a_line(request, problem)
    words = "stale_sign_in" if isinstance(problem, StaleSignIn) else ""
    words = words or {NotFound.status: "nothing"}.get(problem.status, "trouble" if problem.status >= BROKEN else "")
    if not words or not prefers_page(request.headers.get("accept", "")):
        return problem_response(problem)
    said = told(words, reading_of(request).language)
    return page(request, "problem.html", status=problem.status, title=said.title, advice=said.advice)


def _in_a_line(request: Request, problem: Problem) -> Response:
    """The refusal as a line of text: a page would cost the server more than most of what is refused."""
    language = reading_of(request).language
    said = told("often", language)
    headers = {**problem.headers, "Content-Language": language}
    return Response(f"{said.title} {said.advice}\n", problem.status, headers=headers, media_type="text/plain")


def problem_in_words(problem: Problem, *, title: str, detail: str, language: str) -> Response:
    """The problem as data for a script of our pages, all of it in the reader's language (RFC 9457 3.1.3)."""
    body = msgspec.json.encode({"title": title, "status": problem.status, "detail": detail})
    headers = {**problem.headers, "Content-Language": language, "Cache-Control": "no-store"}
    return Response(body, problem.status, headers=headers, media_type="application/problem+json")


def in_the_console(request: Request, problem: Problem) -> Response:
    """The same; whoever is not signed in is told how to, whatever they prefer."""
    if isinstance(problem, StepUpNeeded) and prefers_page(request.headers.get("accept", "")):
        if request.method == "GET":
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/console/step-up?{urlencode({'next': asked})}", 303)
        return page(request, "confirm-first.html", status=problem.status)
    if problem.status in IN_WORDS and prefers_page(request.headers.get("accept", "")):
        said = told(IN_WORDS[problem.status], reading_of(request).language)
        return page(request, "not-here.html", status=problem.status, title=said.title, advice=said.advice)
    if problem.status != Unauthorized.status:
        return for_people(request, problem)
    demo = services_of(request).settings.is_demo
    response = page(request, "signin.html", status=problem.status, demo=demo)
    response.headers.update(problem.headers)
    return response


def prefers_page(accept: str) -> bool:
    """True if HTML is named and nothing that programs read is preferred to it (RFC 9110 12.5.1)."""
    weights = dict(_weighted(part) for part in accept.split(",")[:20])
    html = weights.get("text/html", 0.0)
    return html > 0 and all(html >= weight for kind, weight in weights.items() if kind.endswith("json"))


def _weighted(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return kind, float(value)
            except ValueError:
                return kind, 0.0
    return kind, 1.0
