"""The pure parts of the browser modules: text, check words, device states, verdicts, photos, weight."""

import gzip
import random
from typing import Final

import pytest
from playwright.async_api import Page

from tests.effort import repetitions
from tests.video.site import until
from video import WEB

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALPHABET = [*"abc äöüß", "👩‍⚕️", "e\u0301", "🇩🇪", "\U0001f600", "中"]
ANDROID_VIEW = "Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36 Chrome/120.0 Mobile"
FACEBOOK = "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/400.0]"
CHROME = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
WAITING: Final = frozenset({"devices", "precheck", "signalling"})
DIRECT: Final = WAITING | {
    *(
        "base64url",
        "call",
        "consultation",
        "frames",
        "ladder",
        "loudness",
        "nack",
        "photo",
        "presence",
        "quality",
        "rtt",
        "sas",
        "talk",
    )
}
MOST_BYTES: Final = {WAITING: 5_500, DIRECT: 26_500}
"""Packed: up to the waiting room, and a call of two; what the unit needs is fetched when a third person comes."""

MOST_IN_ALL: Final = 42_000


def _edited(value: list[str], dice: random.Random) -> list[str]:
    start = dice.randint(0, len(value))
    end = min(len(value), start + dice.choice([0, 0, 1, 3]))
    return value[:start] + dice.choices(ALPHABET, k=dice.choice([0, 1, 1, 2])) + value[end:]


async def test_whatever_is_typed_is_read(modules: Page) -> None:
    dice = random.Random(7)
    for _ in range(repetitions(50)):
        value: list[str] = []
        values = ["".join(value := _edited(value, dice)) for _ in range(40)]

        assert await modules.evaluate("(values) => seen.typed(values)", values) == values


async def test_line_that_was_lost_or_came_twice_reads_the_same(modules: Page) -> None:
    shown = await modules.evaluate(
        """() => {
            const writer = new seen.Writer("w"), reader = new seen.Reader();
            const [one, , three] = ["a", "ab", "abc"].map((value) => writer.edit(value));
            return [one, three, three].map((line) => reader.apply(line).text);
        }"""
    )

    assert shown == ["a", "abc", "abc"]


async def test_new_line_and_new_connection_keep_lines_apart(modules: Page) -> None:
    lines = await modules.evaluate(
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


async def test_lines_that_make_no_sense_or_never_end_are_bounded(modules: Page) -> None:
    lines = [
        {},
        {"line": "w.0"},
        {"line": 1, "text": "x"},
        {"line": "w" * 81, "text": "x"},
        {"line": "w.0", "text": ""},
    ]

    assert await modules.evaluate("(all) => all.map((one) => new seen.Reader().apply(one))", lines) == [None] * 5
    length = "(text) => Array.from(new seen.Reader().apply({ line: 'w.0', text }).text).length"
    assert await modules.evaluate(length, "😀" * 5_000) == 2000


async def test_photo_in_parts_in_any_order_is_whole_and_nonsense_is_none(modules: Page) -> None:
    found = await modules.evaluate(
        """async () => {
            const { Album, parts } = seen.photo, bytes = Uint8Array.from({ length: 50_000 }, (_, at) => at * 31 % 256);
            const album = new Album(), all = [...parts({ bytes, width: 3, height: 2 })].reverse();
            const added = [all[0], ...all].map((part) => album.add(JSON.parse(JSON.stringify(part))));
            const back = new Uint8Array(await added.at(-1).photo.blob.arrayBuffer());
            const none = [{}, { ...all[0], of: 1000 }, { ...all[0], n: -1 }, { ...all[0], data: 5 }].map((part) => album.add(part));
            return [back.length, back.every((byte, at) => byte === bytes[at]), added.filter((one) => one.photo).length, none];
        }"""
    )

    assert found == [50_000, True, 1, [None] * 4]


async def test_place_and_time_of_a_photo_stay_behind(modules: Page) -> None:
    exif = await modules.evaluate(
        """async () => {
            const canvas = new OffscreenCanvas(20, 10);
            canvas.getContext("2d").fillRect(0, 0, 20, 10);
            const plain = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg" })).arrayBuffer());
            const note = new TextEncoder().encode("Exif\\0\\0GPS 54.32 N");
            const marked = new Blob([plain.subarray(0, 2), new Uint8Array([0xff, 0xe1, 0, note.length + 2]), note, plain.subarray(2)]);
            const has = async (blob) => new TextDecoder("latin1").decode(await blob.arrayBuffer()).includes("GPS");
            return [await has(marked), await has((await seen.photo.shrink(marked)).blob)];
        }"""
    )

    assert exif == [True, False]


async def test_there_are_256_different_words(modules: Page) -> None:
    words = await modules.evaluate("seen.sas.WORDS")

    assert len(words) == len({word.lower() for word in words}) == 256
    assert all(word.isascii() and word.isalpha() and 3 <= len(word) <= 12 for word in words)


async def _short(page: Page, room: str, *sides: tuple[str, str]) -> object:
    return await page.evaluate("([room, sides]) => seen.sas.shortString(room, sides)", [room, sides])


async def test_words_are_the_same_on_both_sides_and_depend_on_everything(modules: Page) -> None:
    mine, yours = ("AA", "n1"), ("BB", "n2")
    words = await _short(modules, "room", mine, yours)

    assert words == await _short(modules, "room", yours, mine)
    for other in (("CC", "n2"), ("BB", "n3"), ("B", "Bn2")):
        assert words != await _short(modules, "room", mine, other)
    assert words != await _short(modules, "room-2", mine, yours)


async def test_no_fingerprint_hides_behind_another(modules: Page) -> None:
    sdp = "v=0\r\na=fingerprint:SHA-256 aa:BB\r\nm=audio\na=fingerprint:sha-512  CC\r\n"

    found = await modules.evaluate("(sdp) => seen.sas.fingerprints(sdp)", sdp)

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


async def test_device_errors_and_old_windows_become_states(modules: Page) -> None:
    for error, agent, state in ERRORS:
        assert await modules.evaluate("([e, a]) => seen.devices.classify({ name: e }, a)", [error, agent]) == state
    for agent in WINDOWS:
        assert await modules.evaluate("(a) => seen.devices.support(a)", agent) == "ok"

    await modules.evaluate("void (seen.kept = RTCPeerConnection); delete globalThis.RTCPeerConnection")
    for agent, state in WINDOWS.items():
        assert await modules.evaluate("(a) => seen.devices.support(a)", agent) == state
    await modules.evaluate("void (globalThis.RTCPeerConnection = seen.kept)")


async def test_measurements_become_words(modules: Page) -> None:
    assert [await modules.evaluate("(m) => seen.verdict(m)", measured) for measured, _ in MEASURED] == [
        word for _, word in MEASURED
    ]


async def test_picture_of_the_demo_moves(modules: Page) -> None:
    await modules.evaluate("document.getElementById('picture').srcObject = seen.devices.testPicture()")

    assert await until(modules, "document.getElementById('picture').currentTime > 0.3")
    kinds = await modules.evaluate("document.getElementById('picture').srcObject.getTracks().map((t) => t.kind).sort()")
    assert kinds == ["audio", "video"]


def _packed(names: frozenset[str]) -> int:
    return sum(len(gzip.compress((WEB / f"{name}.js").read_bytes(), 9)) for name in names)


async def test_modules_are_small_and_name_nobody_else() -> None:
    everything = frozenset(path.stem for path in WEB.glob("*.js"))
    modules = [path.read_text() for path in WEB.glob("*.js")]
    code = [line.strip() for module in modules for line in module.splitlines() if not line.strip().startswith("//")]

    assert all(_packed(names) <= most for names, most in MOST_BYTES.items()), [*map(_packed, MOST_BYTES)]
    assert _packed(everything) <= MOST_IN_ALL
    assert not any(word in "\n".join(code) for word in ("eval(", "innerHTML", "http://", "https://", "new Function"))


async def test_what_a_call_of_two_loads_is_what_its_budget_counts(modules: Page) -> None:
    loaded = await modules.evaluate(
        """async () => {
            const found = new Set(), open = ["consultation", "devices", "precheck", "signalling"];
            for (let name; (name = open.pop());) {
                found.add(name);
                const text = await (await fetch(`/video-web/${name}.js`)).text();
                for (const [, other] of text.matchAll(/^import [^("]*"\\.\\/([a-z0-9-]+)\\.js"/gm)) if (!found.has(other)) open.push(other);
            }
            return [...found].sort();
        }"""
    )

    assert loaded == sorted(DIRECT)
