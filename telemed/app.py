"""The web application: routers, guards, headers, errors; its parts are opened when it starts and closed when it ends."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, FastAPI, Request

from fhir import interactions
from fhir.choices import Choices, ConditionalDelete, Dangling
from fhir.interactions import Record, astray
from fhir.interactions.direct import direct
from infra import web
from infra.problems import Problem
from infra.settings import Settings
from infra.web import Application
from telemed import headers, health
from telemed.booking import routes as booking
from telemed.booking.busy import forget_met
from telemed.console import apps, code_routes, draft_routes, opinion_routes, same_person
from telemed.console import routes as console
from telemed.console.drafts import forget_drafts
from telemed.emergency import routes as emergency
from telemed.emergency.service import forget_tries
from telemed.guards import require_guards
from telemed.identity import authorize, discovery, endpoints
from telemed.identity import routes as identity
from telemed.identity.app_origins import CrossOrigin
from telemed.identity.callers import caller_of, clinician_of
from telemed.identity.sessions import tidy
from telemed.mydata import codes as mydata_codes
from telemed.mydata import entrance as mydata_entrance
from telemed.mydata import routes as mydata
from telemed.mydata import sessions as mydata_sessions
from telemed.mydata.mine import my_patient
from telemed.notices import routes as notices
from telemed.pages import assets, goodbye_routes, visit_routes
from telemed.pages import routes as pages
from telemed.pages.problems import for_people, in_the_console
from telemed.persons import questions
from telemed.persons import routes as persons
from telemed.practice import routes as practice
from telemed.releases import request_routes
from telemed.releases import routes as releases
from telemed.rights import restriction
from telemed.rights import routes as rights
from telemed.schedules.jobs import extend_today
from telemed.services import Services
from telemed.signin import account, enrolling
from telemed.signin import routes as signin
from telemed.signin.challenges import forget_challenges
from telemed.startup import refuse_settings
from telemed.visits import ending, exchange, standing
from telemed.visits import routes as visits
from telemed.visits.attending import attending_of
from telemed.visits.codes import forget_attempts
from telemed.visits.here import forget_places
from telemed.visits.retention import forget_calls
from telemed.visits.sessions import forget_sessions
from telemed.warming import warm
from telemed.wiring import open_services
from video import routes as video

log = structlog.get_logger()

# The record's routes take every /fhir/{type}, so what has its own address there stands before them; the others stand
# behind them, as the record is asked most and every router that is tried first costs each of its requests.
# What stands at /fhir/{type}/$name, read off the routes themselves.
OPERATIONS: Final = {
    type: tuple(
        sorted({path.rpartition("$")[2] for route in router.routes if "$" in (path := getattr(route, "path", ""))})
    )
    for type, router in {"Appointment": booking.router, "Patient": persons.router}.items()
}
BEFORE_RECORD: Final[tuple[APIRouter, ...]] = (identity.router, discovery.router, booking.router, persons.router)
BEHIND_RECORD: Final[tuple[APIRouter, ...]] = (
    health.router,
    pages.router,
    visit_routes.router,
    goodbye_routes.router,
    practice.router,
    assets.router,
    exchange.router,
    visits.router,
    mydata_entrance.router,
    mydata.router,
    code_routes.router,
    draft_routes.router,
    opinion_routes.router,
    signin.router,
    enrolling.router,
    account.router,
    emergency.router,
    releases.router,
    request_routes.router,
    rights.router,
    console.router,
    apps.router,
    authorize.router,
    endpoints.router,
    same_person.router,
    notices.router,
)

# Whoever depends on one of these has said who may call.
GUARDS: Final = (caller_of, clinician_of, attending_of, my_patient)

# All that anybody may call without a sign-in, and why.
PUBLIC: Final[Mapping[str, str]] = {
    "/livez": "tells that the process runs",
    "/readyz": "tells which parts are down, nothing else",
    "/oauth/token": "takes a signed assertion, which is the sign-in",
    "/oauth/jwks.json": "public keys",
    "/fhir/metadata": "what the server can do",
    "/fhir/.well-known/smart-configuration": "where to get a token",
    "/.well-known/oauth-authorization-server": "the same, for any client of OAuth",
    "/.well-known/openid-configuration": "the same, for any client of OpenID Connect",
    "/oauth/authorize": "asks for the sign-in itself, as the browser comes from elsewhere and goes on there",
    "/oauth/introspect": "takes a signed assertion, which is the sign-in",
    "/oauth/revoke": "takes a signed assertion, or the token of a public app",
    "/": "the front page",
    "/data-requests": "what the public asks of the statistics, as far as the board shows it; takes the next request",
    "/dev/outbox": "what the demo would have sent; 404 in production",
    "/dev/outbox.json": "the same for programs; 404 in production",
    "/dev/outbox/{notice_id}/{name}": "letters and invitations of the demo's outbox; 404 in production",
    "/j": "takes code and date of birth, which is the patient's sign-in",
    "/my": "takes code and PIN of a letter, which is the patient's sign-in; shows nothing personal without",
    "/visit": "the patient's page; shows nothing of a visit without its cookie",
    "/visit/here": "the same: asks who is at the device",
    "/visit/call-me": "the same: asks the clinic to phone",
    "/visit/bye": "the same: what happens next",
    "/visit/next.ics": "the same: the next appointment for the calendar",
    "/visit/opinion": "the same: takes one of three answers",
    "/practice": "the patient's page with a robot on the other side; knows nobody",
    "/practice/join": "invites a robot into a room of its own; knows nobody",
    "/console/sign-in": "the door of the console",
    "/console/passkey/options": "a challenge for whoever wants to sign in",
    "/console/passkey": "takes a passkey's answer, which is the sign-in",
    "/console/recovery": "takes a recovery code, which is the sign-in",
    "/console/oidc/start": "leads to the house's own sign-in",
    "/console/oidc/callback": "takes that sign-in's answer",
    "/console/enrol": "takes an invitation and a new passkey",
    "/console/enrol/options": "a challenge for whoever holds an invitation",
    "/console/sign-in/{token}": "the demo's one-click sign-in; 404 in production",
    "/assets/{version_asked}/{folder}/{name}": "styles and scripts of our own",
    "/video/rooms/{room}/ws": "takes a ticket for this room in its first message",
    "/video/precheck": "takes a ticket in its body",
}

# Addresses that take a short form or nothing; the console's carries a note of a whole consultation.
SMALL: Final = dict.fromkeys(("/oauth", "/j", "/my", "/visit", "/visits", "/practice", "/data-requests"), 16_384)
NOTE_LIMIT: Final = 262_144
HOUSEKEEPING: Final = timedelta(hours=1)


def create_app(settings: Settings) -> Application:
    """The application for these settings; refuses unsafe settings and routes that nobody guards."""
    refuse_settings(settings)
    app = Application(
        title="telemed",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,  # it would send on to whatever host the request names
    )
    app.state.settings = settings
    app.state.choices = Choices(
        settings.update_creates,
        ConditionalDelete(settings.conditional_delete),
        Dangling(settings.dangling_references),
    )
    for router in BEFORE_RECORD:
        app.include_router(router)
    # The routes themselves: those of an included router are matched twice.
    record = interactions.router(record_of=record_of, caller_of=caller_of, operations=OPERATIONS)
    app.router.routes.extend(record.routes)
    for router in BEHIND_RECORD:
        app.include_router(router)
    limits = {"": settings.body_limit, "/fhir": settings.bundle_limit, "/console": NOTE_LIMIT, **SMALL}
    renders: Mapping[str, web.RenderFor] = {
        "": for_people,
        "/fhir": astray.response,
        "/oauth": web.as_data,
        **dict.fromkeys(("/oauth/token", "/oauth/revoke", "/oauth/introspect"), identity.as_oauth),
        "/oauth/authorize": authorize.as_page,
        "/console": in_the_console,
        "/my": mydata_entrance.in_my_data,
    }
    web.install(
        app,
        limits=limits,
        renders=renders,
        headers=_headers(settings),
        direct=direct(record.routes),
        scheme=urlsplit(settings.base_url).scheme,
    )
    assert app.envelope is not None
    app.envelope = CrossOrigin(app.envelope)
    _check(app)
    return app


def record_of(request: Request) -> Record:
    """The record as the FHIR routes take it."""
    record: Record = request.app.state.record
    return record


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    async with open_services(settings) as services:
        app.state.services = services
        app.state.envelope.admit = services.gate.admit
        app.state.record = Record(
            services.database,
            services.store,
            f"{settings.base_url.rstrip('/')}/fhir",
            settings.body_limit,
            settings.bundle_limit,
            app.state.choices,
        )
        origins = _origins(settings)
        app.include_router(
            video.router(
                services.rooms,
                services.tickets,
                ice=services.ice,
                precheck=services.precheck,
                origins=origins,
                holds=standing.holds(services),
                unit=services.media,
                ended=ending.ended(services),
            )
        )
        _check(app)
        today = services.clock.now().date()
        await services.database.write(lambda session: extend_today(session, today=today))
        tasks = [asyncio.create_task(_housekeeping(services)), asyncio.create_task(asyncio.to_thread(warm))]
        tasks.append(asyncio.create_task(standing.watch(services)))
        tasks.append(asyncio.create_task(services.desk.met.run(services.database)))
        if not settings.redis_url:
            # Without a Redis nobody else could work: the embedded default has its worker inside.
            tasks += [asyncio.create_task(services.queue.run()), asyncio.create_task(services.sequencer.run())]
        try:
            async with services.media.running():
                yield
                await services.robots.close()
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task


async def _housekeeping(services: Services) -> None:
    """Nothing, ever: hourly, expired sessions go and the next signing key is made in time."""
    while True:
        await asyncio.sleep(HOUSEKEEPING.total_seconds())
        try:
            for forget in (
                tidy,
                forget_attempts,
                forget_sessions,
                forget_places,
                forget_drafts,
                questions.forget_old,
                forget_challenges,
                forget_tries,
                forget_met,
                mydata_codes.forget_letters,
                mydata_sessions.forget_sessions,
                partial(forget_calls, kept=timedelta(days=services.settings.call_metadata_days)),
            ):
                await services.database.write(partial(forget, now=services.system_clock.now()))
            # By the clock that the policy goes by, or one would end before it ends.
            await services.database.write(partial(restriction.forget_ended, now=services.clock.now()))
            await services.issuer.load(services.database)
        except Problem as error:
            log.error("housekeeping_failed", error=type(error).__name__)


def _check(app: FastAPI) -> None:
    require_guards(app.routes, guards=GUARDS, public=PUBLIC)


def _headers(settings: Settings) -> Mapping[str, str]:
    transport = {"Strict-Transport-Security": headers.TRANSPORT} if settings.is_tls else {}
    return {**headers.HEADERS, **transport}


def _origins(settings: Settings) -> list[str]:
    """The addresses by which browsers reach us; on a loopback the demo answers to its number, too."""
    address = urlsplit(settings.base_url)
    own = f"{address.scheme}://{address.netloc}"
    if settings.is_demo and address.hostname == "localhost":
        return [own, own.replace("localhost", "127.0.0.1")]
    return [own]
