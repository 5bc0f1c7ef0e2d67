"""Every page and state of a patient as a scene: how to get there, to look at it, measure it and keep its picture."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from playwright.async_api import Page, expect

from infra.database import Session
from telemed.visits import codes
from telemed.visits.codes import Window
from tests.telemed.visits import endings
from tests.telemed.visits.clinic import BORN, TENANT, VIDEO, Clinic

Opening = Callable[[Page, Clinic], Awaitable[None]]
IN_APP = "Object.defineProperty(navigator, 'userAgent', {value: 'Mozilla/5.0 (iPhone) FBAN/FBIOS'}); delete window.RTCPeerConnection;"
OLD = "delete window.RTCPeerConnection;"
BUSY = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotReadableError'); };"
BLOCKED = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError'); };"
NO_DEVICE = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); };"


@dataclass(frozen=True)
class Scene:
    """One page or state; `script` runs before the page's own, to take something away from the browser."""

    name: str
    open: Opening
    script: str = ""


async def code_of(
    clinic: Clinic, *, opens: timedelta = timedelta(), closes: timedelta = timedelta(), id: str = VIDEO
) -> str:
    """A new code of the appointment, good from now, moved by these."""

    def unit(session: Session) -> str:
        now = clinic.services.clock.now()
        window = Window(now - timedelta(minutes=1) + opens, now + timedelta(hours=1) + closes)
        services = clinic.services
        return codes.issue(session, services.vault, appointment_id=id, tenant=TENANT, factor=BORN, window=window)

    return await clinic.services.database.write(unit)


async def shown(page: Page, code: str, *, birth_date: str = "14.03.1951") -> None:
    """The answer to code and date of birth."""
    await page.goto(f"/j#{code}")
    await expect(page.locator("#code")).to_have_value(code)
    await page.fill("#birth_date", birth_date)
    await page.click("main form button.primary")


async def entered(page: Page, code: str) -> None:
    """Past code and date of birth; who is here is asked once for a visit."""
    await shown(page, code)
    await expect(page.locator("#place, #start-check").first).to_be_attached()


async def start(page: Page, _: Clinic) -> None:
    """The start page."""
    await page.goto("/")


async def code(page: Page, _: Clinic) -> None:
    """The page that asks for code and date of birth."""
    await page.goto("/j")
    await page.evaluate("sessionStorage.clear()")


async def wrong(page: Page, clinic: Clinic) -> None:
    """A wrong date of birth."""
    await shown(page, await code_of(clinic), birth_date="15.03.1951")
    await expect(page.locator("#error")).to_be_visible()


async def early(page: Page, clinic: Clinic) -> None:
    """An hour too early."""
    await shown(page, await code_of(clinic, opens=timedelta(hours=1), closes=timedelta(hours=1)))
    await expect(page.locator("#error")).to_be_visible()


async def over(page: Page, clinic: Clinic) -> None:
    """An hour too late."""
    await shown(page, await code_of(clinic, closes=timedelta(hours=-2)))
    await expect(page.locator("#error")).to_be_visible()


async def cancelled(page: Page, clinic: Clinic) -> None:
    """A cancelled appointment."""
    made = await code_of(clinic)
    await clinic.services.database.write(lambda session: codes.cancel(session, VIDEO))
    await shown(page, made)
    await expect(page.locator("#error")).to_be_visible()


async def here(page: Page, clinic: Clinic) -> None:
    """Who is here."""
    await entered(page, await code_of(clinic))
    await page.goto("/visit/here")


async def check(page: Page, clinic: Clinic) -> None:
    """The check, before anything was tapped."""
    await here(page, clinic)
    await page.evaluate("sessionStorage.clear()")
    await page.click("main form button.primary")
    await expect(page.locator("#start-check")).to_be_enabled()


async def refused(page: Page, clinic: Clinic) -> None:
    """The check, and what the browser lacks or refuses."""
    await check(page, clinic)
    await page.click("#start-check")
    await expect(page.locator("#device-message:visible, #in-app:visible")).to_be_visible()


async def checked(page: Page, clinic: Clinic) -> None:
    """The check with picture and level."""
    await check(page, clinic)
    await page.click("#start-check")
    await expect(page.locator("#enter")).to_be_visible()


async def waiting(page: Page, clinic: Clinic) -> None:
    """The waiting room."""
    await checked(page, clinic)
    await page.click("#enter")
    await expect(page.locator("#wait")).to_be_visible()


async def call_back(page: Page, clinic: Clinic) -> None:
    """The call back by phone."""
    await check(page, clinic)
    await page.click("#check .call-me button")
    await expect(page.locator("h1")).to_be_visible()


async def elsewhere(page: Page, clinic: Clinic) -> None:
    """Somebody goes on with another device."""
    made = await code_of(clinic)
    await entered(page, made)
    await clinic.patient(code=made)
    await page.goto("/visit")


async def practice(page: Page, _: Clinic) -> None:
    """A call with the robot."""
    await page.goto("/practice")
    await page.evaluate("sessionStorage.clear()")
    await page.reload()
    await page.click("#start-check")
    await page.click("#enter")
    await expect(page.locator("[data-part=lines] .peer")).to_be_visible()


async def goodbye(page: Page, clinic: Clinic) -> None:
    """After the robot was left."""
    await practice(page, clinic)
    await page.click("[data-part=end]")
    await expect(page.locator("#bye")).to_be_visible()


async def bye(page: Page, clinic: Clinic) -> None:
    """After a visit that the clinic has ended, with another appointment to come."""
    id = f"ended-{secrets.token_hex(4)}"
    await endings.booked(clinic, days=3, id=id)
    await endings.booked(clinic, days=10, id=f"next-{id}")
    code = await code_of(clinic, id=id)
    await page.goto("/j")
    await page.fill("#code", code)
    await page.fill("#birth_date", "14.03.1951")
    await page.click("main form button.primary")
    await expect(page.locator("#place")).to_be_visible()
    await endings.ended(clinic, id=id)
    await page.goto("/visit/bye")
    await expect(page.locator("[name=opinion]").first).to_be_visible()


async def thanks(page: Page, clinic: Clinic) -> None:
    """After one tap on a face."""
    await bye(page, clinic)
    await page.click("[value=well]")
    await expect(page.locator("#after [role=status]")).to_be_visible()


async def nothing(page: Page, _: Clinic) -> None:
    """An address that leads nowhere."""
    await page.goto("/nothing-here")


SCENES: Final = (
    Scene("start", start),
    Scene("code", code),
    Scene("code-in-app", code, IN_APP),
    Scene("wrong", wrong),
    Scene("early", early),
    Scene("over", over),
    Scene("cancelled", cancelled),
    Scene("here", here),
    Scene("check", check),
    Scene("checked", checked),
    Scene("blocked", refused, BLOCKED),
    Scene("nodev", refused, NO_DEVICE),
    Scene("busy", refused, BUSY),
    Scene("in-app", refused, IN_APP),
    Scene("old", refused, OLD),
    Scene("waiting", waiting),
    Scene("call-back", call_back),
    Scene("elsewhere", elsewhere),
    Scene("practice", practice),
    Scene("goodbye", goodbye),
    Scene("nothing", nothing),
    Scene("bye", bye),
    Scene("thanks", thanks),
)
