"""`POST /j`: code and date of birth become a session for one appointment. Works as a plain form and as JSON."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from fhir import codec
from infra.database import Session
from infra.problems import BadRequest, Conflict, Problem, TooMany, Unauthorized, Unprocessable, UnsupportedMediaType
from telemed.identity.callers import ForeignOrigin
from telemed.pages.problems import problem_in_words
from telemed.pages.rendering import page, reading_of
from telemed.pages.texts import Told, told
from telemed.pages.times import REGION, day_and_time
from telemed.services import Services, services_of
from telemed.visits import attending, codes, sessions
from telemed.visits.codes import Admitted, Factor, Refusal, Refused
from telemed.visits.companions import read_factors

NEXT_PAGE: Final = "/visit"
LONGEST: Final = 100

router = APIRouter()


class NotTheRightFactors(Unauthorized):
    """Code and date of birth do not match."""


class CodeLocked(TooMany):
    """This code was tried too often and is locked."""


class UnreadableDate(Unprocessable):
    """The date of birth could not be read. Write day, month and year, for example 14.03.1951."""


class NotNow(Conflict):
    """The right code, but the appointment is not open now."""


PROBLEMS: Final[dict[Refusal, type[Problem]]] = {
    Refusal.WRONG: NotTheRightFactors,
    Refusal.LOCKED: CodeLocked,
    Refusal.EARLY: NotNow,
    Refusal.OVER: NotNow,
    Refusal.CANCELLED: NotNow,
    Refusal.REPLACED: NotNow,
}
# RFC 9110 wants a challenge with every 401; browsers ignore a scheme they do not know.
CHALLENGE: Final = {"WWW-Authenticate": 'JoinCode realm="visit"'}


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody typed or sent, and how they want their answer."""

    code: str
    birth_date: str
    as_json: bool


# May be called by anybody: code and date of birth are what it checks.
@router.post("/j", include_in_schema=False)
async def exchange(request: Request) -> Response:
    """A cookie for the one appointment, or the same page again with what happened and what to do."""
    refuse_foreign_page(request)
    services, shown = services_of(request), await _shown(request)
    address = request.client.host if request.client else ""
    try:
        await services.guessing.admit(address)
    except TooMany as problem:
        return _answer(request, shown, told("busy", reading_of(request).language), problem=problem)
    today = services.clock.now().astimezone(REGION).date()
    factors = read_factors(shown.birth_date, today=today)
    if not factors:
        # No guess at anything, so it uses up no try; the answer is the same whatever the code.
        return _answer(request, shown, told("date", reading_of(request).language), problem=UnreadableDate())
    outcome = await services.database.write(lambda session: _redeem(session, services, shown, factors=factors))
    if isinstance(outcome, Refused):
        if outcome.reason in (Refusal.WRONG, Refusal.LOCKED):
            await services.guessing.note_failure(address)
        return _refused(request, shown, outcome)
    appointment, token = outcome
    response = _opened(shown, appointment)
    attending.set_cookie(response, services.settings, token=token)
    return response


def refuse_foreign_page(request: Request) -> None:
    """Nothing; a page that is not ours may not put somebody into a waiting room.

    A browser that names neither site nor origin may still sign in: the form works in old ones, without a script.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site not in (None, "same-origin", "none"):
        raise ForeignOrigin
    # Browsers before 2020 to 2023 say no site, but the origin of every form.
    if site != "same-origin" and origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise ForeignOrigin


def _redeem(
    session: Session, services: Services, shown: Shown, *, factors: tuple[Factor, ...]
) -> tuple[str, str] | Refused:
    now, business_now = services.system_clock.now(), services.clock.now()
    outcome = codes.check(
        session,
        services.vault,
        code=shown.code,
        factors=factors,
        now=now,
        business_now=business_now,
    )
    if isinstance(outcome, Admitted):
        return outcome.appointment_id, sessions.open_session(session, outcome, now=now, business_now=business_now)
    return outcome


async def _shown(request: Request) -> Shown:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        fields: Any = codec.load(await request.body())
        as_json = True
    elif kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        fields, as_json = await request.form(), False
    else:
        raise UnsupportedMediaType
    if not hasattr(fields, "get"):
        raise BadRequest
    code, birth_date = fields.get("code", ""), fields.get("birth_date", "")
    if not isinstance(code, str) or not isinstance(birth_date, str):
        raise BadRequest
    return Shown(code[:LONGEST], birth_date[:LONGEST], as_json)


def _opened(shown: Shown, appointment: str) -> Response:
    if shown.as_json:
        return JSONResponse({"appointment": appointment, "next": NEXT_PAGE}, headers={"Cache-Control": "no-store"})
    return RedirectResponse(NEXT_PAGE, status_code=303, headers={"Cache-Control": "no-store"})


def _refused(request: Request, shown: Shown, refused: Refused) -> Response:
    language = reading_of(request).language
    time_from = day_and_time(refused.opens, language=language) if refused.opens else ""
    words = told(refused.reason.value, language, number=refused.tries_left, time=time_from)
    problem = PROBLEMS[refused.reason]
    return _answer(request, shown, words, problem=problem(headers=CHALLENGE if problem.status == 401 else None))


def _answer(request: Request, shown: Shown, words: Told, *, problem: Problem) -> Response:
    if shown.as_json:
        return problem_in_words(problem, title=words.title, detail=words.advice, language=reading_of(request).language)
    # A date that can't be read is no secret guessed at: whoever typed it sees what to put right.
    birth_date = shown.birth_date if isinstance(problem, UnreadableDate) else ""
    response = page(request, "code.html", status=problem.status, error=words, code=shown.code, birth_date=birth_date)
    response.headers.update(problem.headers)
    return response
