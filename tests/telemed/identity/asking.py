"""A clinic with apps in a running service, and people who allow them things."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import httpx
from sqlmodel import Session

from infra.clock import SystemClock
from telemed.identity.clients import App, register
from telemed.visits import resource
from tests.clients.smart_app import SmartApp, ticked
from tests.telemed.identity.signing import Client, ec_key
from tests.telemed.service import BASE, Service, demo_settings, running
from tests.telemed.visits.clinic import DOCTOR, PATIENT, PLATFORM, TENANT, Clinic, people

BACK = "https://app.example/cb"
LAUNCH_URL = "https://app.example/launch"
SCOPE = (
    "openid fhirUser launch launch/patient online_access offline_access user/*.cruds patient/*.rs"
    " patient/Observation.crus?category=laboratory"
)
STANDALONE = "openid fhirUser launch/patient offline_access patient/Patient.rs patient/Observation.rs"
HTML = {"Accept": "text/html", "Accept-Language": "en"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Asking:
    """A public app and one with keys, and a signed-in browser of the clinic's doctor."""

    clinic: Clinic
    public: SmartApp
    keyed: SmartApp
    browser: httpx.AsyncClient

    @property
    def service(self) -> Service:
        """The running service."""
        return self.clinic.service

    async def shown(self, app: SmartApp, scope: str = STANDALONE, **changed: str | None) -> httpx.Response:
        """What the doctor's browser gets for the app's request."""
        return await self.browser.get(app.address(scope, **changed), headers=HTML)

    async def answer(self, page: httpx.Response, *more: tuple[str, str], step: str = "allow") -> httpx.Response:
        """What the browser gets for the page's form, sent by a button."""
        return await answer(self.browser, [*ticked(page.text), *more, ("step", step)])

    async def code(self, app: SmartApp, scope: str = STANDALONE, *, patient: str = "patient-1") -> str:
        """A code for what the doctor has allowed the app."""
        page = await self.shown(app, scope)
        assert page.status_code == 200, page.text
        chosen = [("patient", patient)] if 'name="name"' in page.text else []
        return app.code((await self.answer(page, *chosen)).headers["location"])

    async def tokens(self, app: SmartApp, scope: str = STANDALONE) -> dict[str, str]:
        """What the app has after the doctor allowed it."""
        answer = await app.redeem(await self.code(app, scope))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def get(self, path: str, token: str) -> httpx.Response:
        """What the record answers to the app."""
        return await self.service.http.get(path, headers={"Authorization": f"Bearer {token}"})


async def answer(browser: httpx.AsyncClient, fields: Sequence[tuple[str, str]]) -> httpx.Response:
    """What a browser gets for the consent page's form."""
    return await browser.post("/oauth/authorize", content=urlencode(fields), headers=HTML | FORM)


async def asking(clinic: Clinic) -> Asking:
    """The apps, registered, and the doctor, signed in."""
    keys = Client("keyed-app", ec_key())
    public = App("Kurvenblatt", (BACK, "http://localhost:3000/cb"), LAUNCH_URL)
    keyed = App("Arztbrief-Helfer", (BACK, f"{BACK}?of=keyed"), LAUNCH_URL)

    def unit(session: Session) -> None:
        now = SystemClock().now()
        register(session, client_id="public-app", tenant=TENANT, scope=SCOPE, now=now, app=public)
        register(session, client_id="keyed-app", tenant=TENANT, scope=SCOPE, now=now, app=keyed, jwks=keys.jwks)

    await clinic.services.database.write(unit)
    http, fhir = clinic.service.http, f"{BASE}/fhir"
    made = [SmartApp(http, fhir, "public-app", BACK), SmartApp(http, fhir, "keyed-app", BACK, keys)]
    for app in made:
        await app.discover()
    return Asking(clinic, made[0], made[1], await clinic.clinician())


def sent_to(answer: httpx.Response) -> str:
    """The host that an answer sends the browser to; empty if it stays."""
    return str(urlsplit(answer.headers.get("location", "")).netloc)


@asynccontextmanager
async def people_alone(folder: Path, database_url: str) -> AsyncIterator[Clinic]:
    """A clinic with a doctor and a patient in a running service; no calendar and no appointments, so it starts fast."""
    async with running(demo_settings(folder, database_url)) as service:
        wanted = {id: data for id, data in people().items() if id in (TENANT, DOCTOR, PATIENT)}

        def unit(session: Session) -> None:
            for id, data in wanted.items():
                service.services.store.create(session, PLATFORM, resource.parsed(data), id=id)

        await service.services.database.write(unit)
        yield Clinic(service, "")
