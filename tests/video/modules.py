"""A page with the pure parts of the browser modules in `seen`."""

import pytest
from playwright.async_api import Page

from tests.fixtures.browsers import Browsers
from tests.video.site import Site, until


@pytest.fixture
async def modules(browsers: Browsers, site: Site) -> Page:
    """The page."""
    page = await (await browsers.chromium()).new_page()
    await page.goto(f"http://{site.host}/page/modules")
    await until(page, "globalThis.seen")
    return page
