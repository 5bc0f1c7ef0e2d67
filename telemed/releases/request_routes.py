"""What the public asks of the statistics: the page with the form, and the board's answers."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from infra.problems import Problem, Unprocessable
from telemed.identity.callers import SignedInClinician
from telemed.pages.languages import N_, translate
from telemed.pages.rendering import page, reading_of
from telemed.releases import requests
from telemed.releases.requests import EnoughForToday, NothingAsked, Status
from telemed.releases.routes import require_board
from telemed.services import services_of

router = APIRouter(include_in_schema=False)

STATUSES: Final[Mapping[str, str]] = {
    Status.RECEIVED: N_("Received"),
    Status.PLANNED: N_("Planned"),
    Status.DONE: N_("Done"),
    Status.DECLINED: N_("Not possible"),
}
SAID: Final[Mapping[type[Problem], str]] = {
    NothingAsked: N_("Please say in at most 1,000 characters what you would like to know."),
    EnoughForToday: N_(
        "So many requests came today that no more are taken. Please write to the contact of the data set."
    ),
}


class NoSuchStatus(Unprocessable):
    """The status is one of received, planned, done, declined."""


# May be called by anybody: it shows what the board has shown to everybody.
@router.get("/data-requests")
async def overview(request: Request, sent: str = "") -> Response:
    """What was asked and how it stands, with a form for the next one."""
    return await _overview(request, sent=sent == "1")


# May be called by anybody: it is how the public speaks to the board.
@router.post("/data-requests")
async def ask(request: Request) -> Response:
    """The request, taken; the board reads it before anybody else does."""
    services, text = services_of(request), str((await request.form()).get("text", ""))
    try:
        now = services.clock.now()
        await services.database.write(lambda session: requests.ask(session, services.vault, text, now=now))
    except (NothingAsked, EnoughForToday) as refused:
        return await _overview(request, problem=refused, text=text)
    return RedirectResponse("/data-requests?sent=1", 303)


@router.get("/console/data-requests")
async def board(request: Request, caller: SignedInClinician) -> Response:
    """All requests, for the release board."""
    require_board(caller)
    services = services_of(request)
    found = await services.database.read(lambda session: requests.requests(session, services.vault, all=True))
    return page(request, "requests-board.html", requests=found, statuses=_statuses(request))


@router.post("/console/data-requests/{id}")
async def answer(request: Request, id: str, caller: SignedInClinician) -> Response:
    """The board's answer, and whether everybody sees the request."""
    require_board(caller)
    services, sent = services_of(request), await request.form()
    if str(sent.get("status")) not in set(Status):
        raise NoSuchStatus
    status, text, shown = Status(str(sent["status"])), str(sent.get("answer", "")), sent.get("shown") == "1"

    def unit(session: Session) -> None:
        requests.answer(session, services.vault, id, status=status, text=text, shown=shown)

    await services.database.write(unit)
    return RedirectResponse("/console/data-requests", 303)


def _statuses(request: Request) -> dict[str, str]:
    language = reading_of(request).language
    return {code: translate(language, words) for code, words in STATUSES.items()}


async def _overview(
    request: Request, *, problem: Problem | None = None, text: str = "", sent: bool = False
) -> Response:
    services = services_of(request)
    found = await services.database.read(lambda session: requests.requests(session, services.vault, all=False))
    error = translate(reading_of(request).language, SAID[type(problem)]) if problem else ""
    values: dict[str, Any] = {"requests": found, "statuses": _statuses(request), "error": error, "text": text}
    shown = page(request, "requests.html", status=problem.status if problem else 200, sent=sent, **values)
    shown.headers.update(problem.headers if problem else {})
    return shown
