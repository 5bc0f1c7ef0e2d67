"""A page with the pure parts of the browser modules in `seen`, one for each file of tests."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Page

from tests.fixtures.browsers import open_browsers
from tests.fixtures.participants import Participants
from tests.video.site import open_site, until


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def modules(participants: Participants) -> AsyncIterator[Page]:
    """The page; tests that use it run in the loop of their module."""
    async with open_browsers(participants) as browsers, open_site() as site:
        page = await (await browsers.chromium()).new_page()
        await page.goto(f"http://{site.host}/page/modules")
        await until(page, "globalThis.seen")
        yield page
