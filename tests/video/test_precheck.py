"""The pre-call check in real browsers: their own media come back through an echo that decodes nothing."""

import asyncio
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.fixtures.browsers import Browsers
from tests.video.site import Site, site, until
from tests.video.test_sdp import CHROMIUM
from video.forward import Mirror
from video.ice import Ice
from video.precheck import Budgeted, ChecksBusy, Precheck

__all__ = ["site"]


@pytest.mark.parametrize("name", ["chromium", "firefox"])
async def test_browser_sees_and_hears_itself_through_the_echo(browsers: Browsers, site: Site, name: str) -> None:
    page = await (await browsers.named(name)).new_page()
    await page.goto(f"http://{site.host}/page/precheck")

    verdict = await until(page, "globalThis.seen?.verdict")

    assert await page.evaluate("seen.errors") == []
    assert verdict["frames"] > 20, verdict
    assert verdict["kbps"] > 50, verdict
    assert verdict["loss"] < 0.5, verdict
    assert verdict["camera"]
    assert verdict["microphone"]
    assert await page.evaluate("seen.level") > 0
