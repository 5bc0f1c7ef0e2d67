"""The ladder of weak networks: pure rules, tried on random and on chosen measurements."""

import random
from typing import Any, Final

import pytest
from playwright.async_api import Page

from tests.effort import repetitions

pytestmark = pytest.mark.asyncio(loop_scope="module")

GOOD: Final = {"kbps": 2000, "loss": 0, "rtt": 0.05, "silent": 0}
RUN: Final = """([samples, every]) => {
    let state = seen.ladder.begin();
    return samples.map((sample, at) => (state = seen.ladder.advance(state, sample, at * every)));
}"""
SENDING: Final = "([step, signing]) => seen.ladder.sending({ step, red: false }, { signing })"


async def _run(page: Page, samples: list[dict[str, float]], *, every: float = 1.0) -> list[dict[str, Any]]:
    states: list[dict[str, Any]] = await page.evaluate(RUN, [samples, every])
    return states


def _weak(**changed: float) -> dict[str, float]:
    return GOOD | changed


def _random(dice: random.Random) -> dict[str, float]:
    return {
        "kbps": dice.choice([5, 30, 60, 120, 300, 900, 3000]),
        "loss": dice.choice([0, 0, 0.02, 0.1, 0.28, 0.5, 0.9]),
        "rtt": dice.choice([0.02, 0.3, 1.0, 2.5, 7]),
        "silent": dice.choice([0, 0, 0, 5, 12]),
    }


async def _carried(page: Page, sample: dict[str, float]) -> int:
    step: int = await page.evaluate("(sample) => seen.ladder.carried(sample)", sample)
    return step


async def test_worse_measurements_never_carry_a_better_step(modules: Page) -> None:
    dice = random.Random(1)
    for _ in range(repetitions(60)):
        one, other = _random(dice), _random(dice)
        worse = {"kbps": min(one["kbps"], other["kbps"])}
        worse |= {key: max(one[key], other[key]) for key in ("loss", "rtt", "silent")}

        step = await _carried(modules, worse)

        assert 0 <= await _carried(modules, one) <= step <= 5
        assert await _carried(modules, other) <= step


async def test_every_change_of_step_has_its_sentence_and_nothing_else_has(modules: Page) -> None:
    dice = random.Random(2)
    sentences = await modules.evaluate("seen.ladder.SENTENCES")
    for _ in range(repetitions(20)):
        samples = [one for _ in range(12) for one in [_random(dice)] * dice.choice([1, 2, 5, 40])]

        states = await _run(modules, samples)

        for before, after in zip([{"step": 0}, *states], states, strict=False):
            up, down = after["step"] < before["step"], after["step"] > before["step"]
            assert after["sentence"] == ("better" if up else sentences[after["step"]] if down else None)
            assert not up or after["step"] == before["step"] - 1, "one step at a time"


async def test_up_only_after_thirty_good_seconds_without_a_break(modules: Page) -> None:
    dice = random.Random(3)
    for _ in range(repetitions(20)):
        samples = [one for _ in range(10) for one in [_random(dice)] * dice.choice([1, 3, 35, 70])]

        states = await _run(modules, samples)

        for at, state in enumerate(states):
            if state["sentence"] != "better":
                continue
            was = states[at - 1]["step"]
            assert at >= 30
            assert all([await _carried(modules, one) < was for one in samples[at - 30 : at + 1]])


async def test_down_within_two_seconds_of_a_weak_line_and_not_for_a_hiccup(modules: Page) -> None:
    weak = _weak(kbps=120)

    assert [state["step"] for state in await _run(modules, [GOOD, weak, weak, GOOD, weak, weak, weak])] == [0] * 6 + [2]
    assert (await _run(modules, [GOOD] + [_weak(loss=0.35)] * 3))[-1]["sentence"] == "sound"
    assert (await _run(modules, [GOOD] + [_weak(kbps=15)] * 3))[-1]["sentence"] == "telephone"


async def test_ten_seconds_without_a_packet_offer_the_telephone_at_once(modules: Page) -> None:
    states = await _run(modules, [_weak(silent=second) for second in range(12)])

    assert [state["sentence"] for state in states] == [None] * 10 + ["telephone", None]
    assert await modules.evaluate("(state) => seen.ladder.callBack(state)", states[-1])


async def test_step_up_that_did_not_last_is_tried_again_later_and_later(modules: Page) -> None:
    samples = [_weak(kbps=300)] * 3
    for _ in range(4):
        samples += [{"loss": 0, "rtt": 0.05}] * 250 + [_weak(kbps=300)] * 3

    ups = [at for at, state in enumerate(await _run(modules, samples)) if state["sentence"] == "better"]

    waits = [up - 3 - 253 * round((up - 3) // 253) for up in ups]
    assert waits[0] < 35
    assert len(ups) == 4


async def test_sound_is_sent_on_every_step_and_never_more_than_above(modules: Page) -> None:
    sent = [await modules.evaluate(SENDING, [step, False]) for step in range(6)]

    assert all(one["audio"] >= 16 for one in sent)
    assert [one["audio"] for one in sent] == sorted((one["audio"] for one in sent), reverse=True)
    rates = [one["video"]["kbps"] if one["video"] else 0 for one in sent]
    assert rates == sorted(rates, reverse=True)
    assert rates[3:] == [0, 0, 0]


async def test_who_signs_never_has_less_than_twenty_pictures_a_second(modules: Page) -> None:
    for step in range(3):
        plain, signing = [await modules.evaluate(SENDING, [step, signs]) for signs in (False, True)]

        assert signing["video"]["fps"] >= 20
        assert signing["video"]["kbps"] == plain["video"]["kbps"]


async def test_lost_sound_is_repeated_from_three_percent_until_below_one(modules: Page) -> None:
    losses = [0, 0.02, 0.031, 0.02, 0.011, 0.009, 0.02]

    states = await _run(modules, [_weak(loss=loss) for loss in losses])

    assert [state["red"] for state in states] == [False, False, True, True, True, False, False]


async def test_person_who_wants_the_picture_back_gets_the_smallest(modules: Page) -> None:
    states = await modules.evaluate(
        "[0, 1, 2, 3, 4, 5].map((step) => seen.ladder.retry({ ...seen.ladder.begin(), step }).step)"
    )

    assert states == [0, 1, 2, 2, 2, 2]


HELD: Final = "([states, rtt, every]) => states.map((state, at) => seen.ladder.heldBack(state, { rtt }, at * every))"


async def _held(page: Page, samples: list[dict[str, float]], *, rtt: float = 0.05) -> list[int | None]:
    held: list[int | None] = await page.evaluate(HELD, [await _run(page, samples), rtt, 1.0])
    return held


async def test_sound_and_picture_wait_for_what_is_asked_for_again_and_no_longer(modules: Page) -> None:
    held = await _held(modules, [GOOD] * 3 + [_weak(asked=0.05)] + [GOOD] * 35)

    assert held[:3] == [None] * 3
    assert held[3:34] == [220] * 31, "120 ms and two round trips, for half a minute after the last time"
    assert held[34:] == [None] * 5
    assert await _held(modules, [_weak(asked=0.01)]) == [None], "one of a hundred is no bad line"


async def test_they_never_wait_so_long_that_people_talk_over_each_other(modules: Page) -> None:
    dice = random.Random(4)
    for _ in range(repetitions(20)):
        [wait] = await _held(modules, [_weak(asked=dice.random())], rtt=dice.choice([0, 0.02, 0.3, 7]))

        assert wait is None or 120 <= wait <= 300


async def test_packets_are_longer_only_where_sound_is_all_there_is(modules: Page) -> None:
    sent = [await modules.evaluate(SENDING, [step, False]) for step in range(6)]

    assert [one["long"] for one in sent] == [one["video"] is None for one in sent]


async def test_a_tenth_that_is_lost_changes_nothing_and_a_third_takes_the_picture(modules: Page) -> None:
    states = await _run(modules, [_weak(loss=0.1)] * 20 + [_weak(loss=0.35)] * 4)

    assert [state["step"] for state in states[:20]] == [0] * 20
    assert states[-1]["sentence"] is None and states[-1]["step"] == 3
