"""The pure parts of the browser modules: text, check words, device states, verdicts, weight."""

import gzip
import random

import pytest
from playwright.async_api import Page

from tests.effort import repetitions
from tests.fixtures.browsers import Browsers
from tests.video.site import Site, until
from video import WEB

ALPHABET = [*"abc äöüß", "👩‍⚕️", "e\u0301", "🇩🇪", "\U0001f600", "中"]
ANDROID_VIEW = "Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36 Chrome/120.0 Mobile"
FACEBOOK = "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/400.0]"
CHROME = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
MOST_BYTES = 12_000
MOST_CODE = 25_000


@pytest.fixture
async def page(browsers: Browsers, site: Site) -> Page:
    """A page with the modules in `seen`."""
    page = await (await browsers.chromium()).new_page()
    await page.goto(f"http://{site.host}/page/modules")
    await until(page, "globalThis.seen")
    return page


def _edited(value: list[str], dice: random.Random) -> list[str]:
    start = dice.randint(0, len(value))
    end = min(len(value), start + dice.choice([0, 0, 1, 3]))
    return value[:start] + dice.choices(ALPHABET, k=dice.choice([0, 1, 1, 2])) + value[end:]


async def test_whatever_is_typed_is_read(page: Page) -> None:
    dice = random.Random(7)
    for _ in range(repetitions(50)):
        value: list[str] = []
        values = ["".join(value := _edited(value, dice)) for _ in range(40)]

        assert await page.evaluate("(values) => seen.typed(values)", values) == values


async def test_new_line_and_new_connection_keep_lines_apart(page: Page) -> None:
    lines = await page.evaluate(
        """() => {
            const writer = new seen.Writer("w"), reader = new seen.Reader();
            const first = reader.apply(writer.edit("eins")), done = reader.apply(writer.commit());
            reader.apply(writer.edit("zw"));
            const again = new seen.Reader();
            return [first, done, again.apply(writer.whole()), again.apply(writer.edit("zwei"))];
        }"""
    )

    assert [(line["line"], line["text"], line["done"]) for line in lines] == [
        ("w.0", "eins", False),
        ("w.0", "eins", True),
        ("w.1", "zw", False),
        ("w.1", "zwei", False),
    ]


async def test_edits_that_make_no_sense_or_never_end_are_bounded(page: Page) -> None:
    edits = [{}, {"line": "w.0", "at": -1, "cut": 0, "put": "x"}, {"line": 1, "at": 0, "cut": 0, "put": "x"}]
    endless = {"line": "w.0", "at": 0, "cut": 0, "put": "x" * 50_000}

    assert await page.evaluate("(edits) => edits.map((e) => new seen.Reader().apply(e))", edits) == [None] * 3
    length = await page.evaluate(
        "(e) => { const r = new seen.Reader(); r.apply(e); return r.apply(e).text.length }", endless
    )
    assert length == 2000


async def test_there_are_256_different_words(page: Page) -> None:
    words = await page.evaluate("seen.sas.WORDS")

    assert len(words) == len({word.lower() for word in words}) == 256
    assert all(word.isascii() and word.isalpha() and 3 <= len(word) <= 12 for word in words)


async def _short(page: Page, room: str, *sides: tuple[str, str]) -> object:
    return await page.evaluate("([room, sides]) => seen.sas.shortString(room, sides)", [room, sides])


async def test_words_are_the_same_on_both_sides_and_depend_on_everything(page: Page) -> None:
    mine, yours = ("AA", "n1"), ("BB", "n2")
    words = await _short(page, "room", mine, yours)

    assert words == await _short(page, "room", yours, mine)
    for other in (("CC", "n2"), ("BB", "n3"), ("B", "Bn2")):
        assert words != await _short(page, "room", mine, other)
    assert words != await _short(page, "room-2", mine, yours)


async def test_no_fingerprint_hides_behind_another(page: Page) -> None:
    sdp = "v=0\r\na=fingerprint:SHA-256 aa:BB\r\nm=audio\na=fingerprint:sha-512  CC\r\n"

    found = await page.evaluate("(sdp) => seen.sas.fingerprints(sdp)", sdp)

    assert found == "a=fingerprint:sha-256 aa:bb,a=fingerprint:sha-512 cc"


ERRORS = [
    ("NotAllowedError", CHROME, "blocked"),
    ("NotAllowedError", FACEBOOK, "in-app"),
    ("NotFoundError", CHROME, "nodev"),
    ("OverconstrainedError", CHROME, "nodev"),
    ("NotReadableError", CHROME, "busy"),
    ("TypeError", CHROME, "old"),
]
WINDOWS = {CHROME: "old", FACEBOOK: "in-app", ANDROID_VIEW: "in-app"}
MEASURED = [
    ({}, "none"),
    ({"kbps": 0, "loss": 1, "rtt": 0}, "none"),
    ({"kbps": 100, "loss": 0, "rtt": 0.1}, "audio"),
    ({"kbps": 900, "loss": 0.2, "rtt": 0.1}, "audio"),
    ({"kbps": 300, "loss": 0, "rtt": 0.1}, "fair"),
    ({"kbps": 900, "loss": 0.01, "rtt": 0.1}, "good"),
]


async def test_device_errors_and_old_windows_become_states(page: Page) -> None:
    for error, agent, state in ERRORS:
        assert await page.evaluate("([e, a]) => seen.devices.classify({ name: e }, a)", [error, agent]) == state
    for agent in WINDOWS:
        assert await page.evaluate("(a) => seen.devices.support(a)", agent) == "ok"

    await page.evaluate("delete globalThis.RTCPeerConnection")

    for agent, state in WINDOWS.items():
        assert await page.evaluate("(a) => seen.devices.support(a)", agent) == state


async def test_measurements_become_words(page: Page) -> None:
    assert [await page.evaluate("(m) => seen.verdict(m)", measured) for measured, _ in MEASURED] == [
        word for _, word in MEASURED
    ]


async def test_refused_or_missing_devices_are_named(browsers: Browsers, site: Site) -> None:
    page = await (await browsers.chromium(camera=False)).new_page()
    await page.goto(f"http://{site.host}/page/modules")
    await until(page, "globalThis.seen")

    found = await page.evaluate("seen.devices.getDevices()")

    assert found["state"] in ("blocked", "nodev")
    assert found["stream"] is None


async def test_picture_of_the_demo_moves(page: Page) -> None:
    await page.evaluate("document.getElementById('picture').srcObject = seen.devices.testPicture()")

    assert await until(page, "document.getElementById('picture').currentTime > 0.3")
    kinds = await page.evaluate("document.getElementById('picture').srcObject.getTracks().map((t) => t.kind).sort()")
    assert kinds == ["audio", "video"]


def test_modules_are_small() -> None:
    modules = [path.read_text() for path in sorted(WEB.glob("*.js"))]
    code = [line.strip() for module in modules for line in module.splitlines() if not line.strip().startswith("//")]

    assert sum(len(gzip.compress(module.encode(), 9)) for module in modules) <= MOST_BYTES
    assert sum(len(line.encode()) + 1 for line in code) <= MOST_CODE
    assert not any(word in "\n".join(code) for word in ("eval(", "innerHTML", "http://", "https://", "new Function"))
