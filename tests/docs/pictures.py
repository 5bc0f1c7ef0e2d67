"""Takes the README's pictures from a running demo: `DEMO_DIR=... python -m tests.docs.pictures`."""

import asyncio
import json
import os
import shutil
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from tests.architecture.tree import ROOT
from tests.fixtures.browsers import CHROMIUM, CHROMIUM_CAMERA
from tests.flows.pages import hurry_to_waiting_room, open_visit, require_moving_picture, words_of

FOLDER = ROOT / "infra/pictures"
CONSOLE = ViewportSize(width=1280, height=860)
PHONE = ViewportSize(width=390, height=860)
PORTAL = ViewportSize(width=1000, height=860)
COLOURS = 128
Offer = Mapping[str, Any]


async def take(offer: Offer) -> None:
    """Nothing; the pictures of a call and of a published release are taken."""
    async with async_playwright() as playwright:
        program = shutil.which("chromium")
        browser = await playwright.chromium.launch(executable_path=program, args=CHROMIUM + CHROMIUM_CAMERA)
        await call(browser, offer)
        await release(browser, offer)
        await browser.close()


async def call(browser: Browser, offer: Offer) -> None:
    """Nothing; both sides of a call are pictures, the clinic's beside the summary of the record."""
    visit, base = offer["appointments"][0], offer["base_url"]
    patient, doctor = await opened(browser, base, size=PHONE), await opened(browser, base, size=CONSOLE)
    await open_visit(patient, code=visit["join_url"].partition("#")[2], birth_date=visit["birth_date"])
    await hurry_to_waiting_room(patient)
    await doctor.goto(offer["clinicians"][visit["clinician"]]["sign_in_url"])
    await doctor.goto(f"/console/visits/{visit['appointment_id']}")
    await doctor.click("#admit")
    await require_moving_picture(doctor)
    await require_moving_picture(patient)
    assert await words_of(patient) == await words_of(doctor)
    await patient.locator("#typing").press_sequentially("The tablets help, I sleep well.")
    await patient.locator("#typing").press("Enter")
    await expect(doctor.locator("[data-part=lines] .peer").last).to_contain_text("sleep well")
    await doctor.fill("#reason", "Follow-up of blood pressure")
    await keep(await doctor.screenshot(), "console-call.png")
    await keep(await patient.screenshot(), "patient-call.png")


async def release(browser: Browser, offer: Offer) -> None:
    """Nothing; the latest release's page is a picture."""
    page = await opened(browser, offer["portal_url"], size=PORTAL)
    await page.goto(f"/datasets/{offer['datasets'][0]}/latest")
    await page.click("a[href='index.en.html']")
    await keep(await page.screenshot(), "release.png")


async def opened(browser: Browser, base: str, *, size: ViewportSize) -> Page:
    """A page in English with cookies of its own."""
    context = await browser.new_context(base_url=base, locale="en-GB", viewport=size)
    return await context.new_page()


async def keep(picture: bytes, name: str) -> None:
    """Nothing; the picture is stored with few colours, which makes it small."""
    with Image.open(BytesIO(picture)) as image:
        image.convert("RGB").quantize(COLOURS).save(FOLDER / name, optimize=True)


if __name__ == "__main__":
    offered = json.loads(Path(os.environ.get("DEMO_DIR", "var/demo"), "demo.json").read_text())
    asyncio.run(take(offered))
