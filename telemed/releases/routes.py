"""The release board over HTTP: what waits, what it says, agree, publish, take back.

Looking needs the role; agreeing, publishing and taking back need a proof of who it is from the last five minutes, too.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from anonymise.problems import (
    ApprovalsMissing,
    ApprovedAlready,
    AuditStale,
    DraftAltered,
    DraftChanged,
    DraftMissing,
    InputInvalid,
    OwnDraft,
    ReleaseWithdrawn,
)
from infra.caller import Caller, Role
from infra.problems import Forbidden, NotFound, Problem
from telemed.identity.callers import SignedInClinician
from telemed.pages.languages import N_, translate
from telemed.pages.rendering import page, reading_of
from telemed.services import Services, services_of
from telemed.signin.stepup import SteppedUp, signed_in_of

router = APIRouter(prefix="/console/releases", include_in_schema=False)

MAY_DECIDE: Final = frozenset({Role.RELEASE_BOARD})
SHOWN: Final = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".json": "application/json"}
SAID: Final[Mapping[type[Problem], str]] = {
    OwnDraft: N_("Who built a release does not approve it. Somebody else has to."),
    ApprovedAlready: N_("You have approved this. Somebody else has to, too."),
    ApprovalsMissing: N_("Not enough people have approved exactly this draft. Approvals lapse when a draft changes."),
    DraftChanged: N_("The draft has changed since you looked at it. Please look again."),
    DraftAltered: N_("A file of the draft was changed after the audit. It has to be built again."),
    AuditStale: N_("Something else was published since this was audited. It has to be built again."),
    DraftMissing: N_("This does not exist (any more)."),
    ReleaseWithdrawn: N_("This release was withdrawn; nothing takes its place."),
    InputInvalid: N_("Please say why, in at most 500 characters."),
}
REFUSED: Final = N_("This can not be done.")
TEXT: Final = "text/plain; charset=utf-8"
LONGEST: Final = 2000


class NotOnTheBoard(Forbidden):
    """Releases are decided by the release board."""


class NoSuchFile(NotFound):
    """The draft has no such file."""


@router.get("")
async def overview(request: Request, caller: SignedInClinician) -> Response:
    """The drafts that wait and every decision so far."""
    require_board(caller)
    return await _overview(request)


@router.get("/{slug}/{release}")
async def draft(request: Request, slug: str, release: str, caller: SignedInClinician) -> Response:
    """One draft with its audit, and the button to agree to it."""
    require_board(caller)
    from telemed.releases import service

    person, language = signed_in_of(request).clinician.id, reading_of(request).language
    seen = await _aside(
        request,
        lambda services: service.draft(service.shelf_of(services), slug, release, person=person, language=language),
    )
    return page(request, "release-draft.html", draft=seen)


@router.get("/{slug}/{release}/files/{name}")
async def file(request: Request, slug: str, release: str, name: str, caller: SignedInClinician) -> Response:
    """A file of the draft, as it would be public."""
    require_board(caller)
    from telemed.releases import service

    content = await _aside(request, lambda services: service.file(service.shelf_of(services), slug, release, name))
    return _file(content, name)


@router.get("/{slug}/{release}/report/{name}")
async def report(request: Request, slug: str, release: str, name: str, caller: SignedInClinician) -> Response:
    """A page of the inner report, which names places: on a draft, on what is out, on what was refused."""
    require_board(caller)
    from telemed.releases import service

    found = await _aside(request, lambda services: service.report(service.shelf_of(services), slug, release))
    return _file(found.get(name), name)


@router.post("/{slug}/{release}/approve")
async def approve(request: Request, slug: str, release: str, caller: SteppedUp) -> Response:
    """The draft, agreed to by one more person."""
    require_board(caller)
    from telemed.releases import service

    digest, person = await _sent(request, "digest"), signed_in_of(request).clinician.id
    return await _decided(
        request, lambda services: service.approve(services, slug, release, person=person, digest=digest)
    )


@router.post("/{slug}/{release}/publish")
async def publish(request: Request, slug: str, release: str, caller: SteppedUp) -> Response:
    """The draft that two people approved, on the portal."""
    require_board(caller)
    from telemed.releases import service

    return await _decided(request, lambda services: service.publish(services, slug, release))


@router.post("/{slug}/{release}/withdraw")
async def withdraw(request: Request, slug: str, release: str, caller: SteppedUp) -> Response:
    """The release taken back, with a reason that everybody reads, and its class."""
    require_board(caller)
    from telemed.releases import service

    reason, cause = await _sent(request, "reason"), await _sent(request, "cause") or "other"
    return await _decided(
        request, lambda services: service.withdraw(services, slug, release, reason=reason, cause=cause)
    )


def require_board(caller: Caller) -> None:
    """Nothing; raises unless the caller is of the release board."""
    if caller.role not in MAY_DECIDE:
        raise NotOnTheBoard


def _file(content: bytes | None, name: str) -> Response:
    if content is None:
        raise NoSuchFile
    kind = next((media for suffix, media in SHOWN.items() if name.endswith(suffix)), TEXT)
    return Response(content, media_type=kind, headers={"Cache-Control": "no-store"})


async def _sent(request: Request, name: str) -> str:
    return str((await request.form()).get(name, ""))[:LONGEST]


async def _aside(request: Request, work: Callable[[Services], Any]) -> Any:
    """What some work on files gives, away from the event loop."""
    return await asyncio.to_thread(work, services_of(request))


async def _decided(request: Request, work: Callable[[Services], None]) -> Response:
    try:
        await _aside(request, work)
    except Problem as refused:
        return await _overview(request, problem=refused)
    return RedirectResponse("/console/releases", 303)


async def _overview(request: Request, *, problem: Problem | None = None) -> Response:
    from telemed.releases import service

    person, language = signed_in_of(request).clinician.id, reading_of(request).language

    def seen(services: Services) -> dict[str, Any]:
        shelf = service.shelf_of(services)
        lines = service.decided(shelf)
        gone = {(line.dataset, line.release) for line in lines if line.outcome == service.WITHDRAWN}
        named = {(line.dataset, line.release) for line in lines}
        reports = {name: service.report_page_of(shelf, *name, language=language) for name in named}
        drafts = service.waiting(shelf, person=person, language=language)
        altered = service.altered(shelf)
        return {"drafts": drafts, "altered": altered, "decisions": lines, "gone": gone, "reports": reports}

    found = await _aside(request, seen)
    error = translate(language, SAID.get(type(problem), REFUSED)) if problem else ""
    status = problem.status if problem else 200
    return page(request, "releases.html", status=status, error=error, **found)
