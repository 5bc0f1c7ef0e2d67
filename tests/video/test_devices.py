"""Devices that a browser refuses or does not have."""

from tests.fixtures.browsers import Browsers
from tests.video.site import Site, until


async def test_refused_or_missing_devices_are_named(browsers: Browsers, site: Site) -> None:
    page = await (await browsers.chromium(camera=False)).new_page()
    await page.goto(f"http://{site.host}/page/modules")
    await until(page, "globalThis.seen")

    found = await page.evaluate("seen.devices.getDevices()")

    assert found["state"] in ("blocked", "nodev")
    assert found["stream"] is None
