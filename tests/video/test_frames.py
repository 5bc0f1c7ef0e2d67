"""SFrame in the browser: the RFC's vectors, the same frames as in Python, and whatever is changed or repeated refused."""

import random
from typing import Any, Final

import pytest
from playwright.async_api import Page

from tests.effort import repetitions
from video.sframe import Opener, Sealer, Suite, clear_of_vp8

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASE: Final = "000102030405060708090a0b0c0d0e0f"
METADATA: Final = "4945544620534672616d65205747"
PLAIN: Final = "64726166742d696574662d736672616d652d656e63"
VECTORS: Final = {
    "audio": "9901234567449408b6f490086165b9d6f62b24ae1a59a56486b4ae8ed036b88912e24f11",
    "video": "9901234567b7412c2513a1b66dbb48841bbaf17f598751176ad847681a69c6d0b091c07018ce4adb34eb",
    "message": "990123456794f509d36e9beacb0e261d99c7d1e972f1fed787d4049f17ca21353c1cc24d56ceabced279",
}
"""RFC 9605, appendix C.3: suites 1, 4 and 5; header and ciphertext of KID 0x123, CTR 0x4567."""

HEADERS: Final = {
    (0, 0): "00",
    (0, 1): "01",
    (0, 0xFF): "08ff",
    (0, 0x100): "090100",
    (7, 7): "77",
    (0x123, 0x4567): "9901234567",
    (0xFFF0, 0x010000): "9afff0010000",
    (0x100, 0xFFFFFFFF): "9b0100ffffffff",
}
SUITES: Final = {"audio": Suite.CTR_80, "video": Suite.GCM_128}

SEAL: Final = """async ([base, kid, ctr, kind, frame]) => {
    const { derive, sealFrame, SUITES } = seen.sframe, keys = await derive(seen.bytes(base), kid, SUITES[kind]);
    return seen.hex(await sealFrame(keys, kid, ctr, kind, seen.bytes(frame)));
}"""
OPEN: Final = """async ([base, kid, kind, frame]) => {
    const { derive, openFrame, parseFrame, SUITES } = seen.sframe, found = parseFrame(seen.bytes(frame));
    if (!found || found.kid !== kid) return null;
    const keys = await derive(seen.bytes(base), kid, SUITES[kind]);
    return openFrame(keys, found, kind).then(seen.hex, () => null);
}"""


async def test_vectors_of_the_rfc_come_out(modules: Page) -> None:
    for kind, expected in VECTORS.items():
        got = await modules.evaluate(
            """async ([base, kind, metadata, plain]) => {
                const { derive, encrypt, decrypt, header, join, SUITES } = seen.sframe;
                const keys = await derive(seen.bytes(base), 0x123, SUITES[kind]), head = header(0x123, 0x4567);
                const aad = join(head, seen.bytes(metadata)), sealed = await encrypt(keys, 0x4567, aad, seen.bytes(plain));
                return [seen.hex(join(head, sealed)), seen.hex(await decrypt(keys, 0x4567, aad, sealed))];
            }""",
            [BASE, kind, METADATA, PLAIN],
        )

        assert got == [expected, PLAIN], kind


async def test_headers_are_the_shortest_and_read_back(modules: Page) -> None:
    for (kid, ctr), expected in HEADERS.items():
        script = """([kid, ctr]) => {
            const head = seen.sframe.header(kid, ctr);
            return [seen.hex(head), seen.sframe.parseHeader(head)];
        }"""
        assert await modules.evaluate(script, [kid, ctr]) == [expected, {"kid": kid, "ctr": ctr}]


async def test_headers_that_are_none_are_refused(modules: Page) -> None:
    none = ["", "08", "0807", "0800", "880000", "0101", "ffffffffffffffffffffffffffffffffff", "09ff", "98012300"]

    assert await modules.evaluate("(all) => all.map((one) => seen.sframe.parseHeader(seen.bytes(one)))", none) == (
        [None] * len(none)
    )


def _frame(dice: random.Random, kind: str) -> bytes:
    frame = bytearray(dice.randbytes(dice.choice([1, 2, 3, 9, 10, 11, 60, 700])))
    if kind == "video":
        frame[0] = frame[0] & 0xFE | dice.choice([0, 1])
    return bytes(frame)


def _clear(kind: str, frame: bytes) -> int:
    return min(len(frame), clear_of_vp8(frame)) if kind == "video" else 0


async def test_what_the_browser_seals_python_opens_and_the_other_way_round(modules: Page) -> None:
    dice = random.Random(9605)
    for turn in range(repetitions(30)):
        kind = dice.choice(list(SUITES))
        base, frame, kid = dice.randbytes(32), _frame(dice, kind), 16 * dice.randint(16, 4095) + turn % 16
        clear = _clear(kind, frame)

        sealed = bytes.fromhex(await modules.evaluate(SEAL, [base.hex(), kid, turn * 97, kind, frame.hex()]))
        ours = Sealer(base, kid).seal(frame, suite=SUITES[kind], clear=clear)

        assert Opener({kid: base}).open(sealed, suite=SUITES[kind], clear=clear) == frame
        assert sealed[:clear] == frame[:clear]
        assert await modules.evaluate(OPEN, [base.hex(), kid, kind, ours.hex()]) == frame.hex()


async def test_any_changed_bit_any_other_key_and_any_cut_is_refused(modules: Page) -> None:
    dice = random.Random(5)
    for kind in SUITES:
        base, frame = dice.randbytes(32), b"\x00" + dice.randbytes(40)
        sealed = bytes.fromhex(await modules.evaluate(SEAL, [base.hex(), 0x1230, 5, kind, frame.hex()]))
        bad = [sealed[:-1], sealed[1:], sealed[:20], b"", b"\x00", b"\xff" * 40]
        bad += [_flipped(sealed, bit) for bit in dice.sample(range(8 * len(sealed)), repetitions(40))]

        for one in bad:
            assert await modules.evaluate(OPEN, [base.hex(), 0x1230, kind, one.hex()]) is None, one.hex()
        assert await modules.evaluate(OPEN, [dice.randbytes(32).hex(), 0x1230, kind, sealed.hex()]) is None


def _flipped(data: bytes, bit: int) -> bytes:
    return bytes(byte ^ (1 << bit % 8 if at == bit // 8 else 0) for at, byte in enumerate(data))


async def _accepted(page: Page, counters: list[int]) -> Any:
    script = "(all) => { const window = new seen.sframe.Window(); return all.map((one) => window.accept(one)); }"
    return await page.evaluate(script, counters)


async def test_each_counter_passes_once_in_any_order_within_the_window(modules: Page) -> None:
    dice = random.Random(3)
    for _ in range(repetitions(20)):
        counters = sorted(range(200), key=lambda at: at + dice.randint(0, 30)) + dice.choices(range(200), k=50)

        assert await _accepted(modules, counters) == [at < 200 for at in range(250)]


async def test_what_lags_behind_the_window_or_was_skipped_and_came_twice_is_refused(modules: Page) -> None:
    assert await _accepted(modules, [0, 5000, 5000 - 4096, 5000 - 4095, 5000 - 4095, 10**12, 5001]) == (
        [True, True, False, True, False, True, False]
    )
