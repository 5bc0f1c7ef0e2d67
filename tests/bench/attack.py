"""The attack on a large table with margins, and the meet of many large releases, each against its bar."""

import time
from datetime import date

import numpy as np

from anonymise.attack.published import Dimension, Published, Statement
from anonymise.attack.reach import Search
from anonymise.attack.sets import narrowed_sets
from anonymise.attack.system import system
from anonymise.meet import Standing, meet
from anonymise.rule import Rule
from tests.bench.figures import Figure, limited

PLACES, REASONS, K = 252, 36, 5
RELEASES, PERSONS, BLOCKS = 40, 1_000_000, 30_000
ATTACK_BAR = 30.0  # seconds for 252 x 36 cells with margins, linear and integer
MEET_BAR = 10.0  # seconds for 40 releases of a million persons


def run() -> list[Figure]:
    """Processor seconds of both, against their bars."""
    return [
        limited("attack on 252 x 36 cells with margins", _seconds_of_attack(), "s CPU", most=ATTACK_BAR),
        limited("meet of 40 releases of 10^6 persons", _seconds_of_meet(), "s CPU", most=MEET_BAR),
    ]


def margins(places: int, reasons: int, *, k: int) -> Published:
    """A table with exact margins in which numbers between 1 and k - 1 are withheld."""
    random = np.random.default_rng(3)
    weights = np.outer(np.exp(random.normal(0, 1.2, places)), np.exp(random.normal(0, 1, reasons)))
    counts = random.poisson(weights / weights.sum() * 60_000)
    dimensions = (
        Dimension("place", "identifying", tuple(map(str, range(places)))),
        Dimension("reason", "both", tuple(map(str, range(reasons)))),
    )
    everywhere, everything = dimensions[0].everything, dimensions[1].everything
    said = [Statement("total", ("*", "*"), (everywhere, everything), int(counts.sum()), int(counts.sum()))]
    for place, number in enumerate(counts.sum(axis=1).tolist()):
        said.append(Statement("place", (str(place), "*"), ((place,), everything), number, number))
    for reason, number in enumerate(counts.sum(axis=0).tolist()):
        said.append(Statement("reason", ("*", str(reason)), (everywhere, (reason,)), number, number))
    for place, reason in np.ndindex(counts.shape):
        number, cell = int(counts[place, reason]), (str(place), str(reason))
        small = 0 < number < k
        lower, upper = (1, None) if small else (number, number)
        said.append(Statement("cell", cell, ((place,), (reason,)), lower, upper, withheld=small))
    period = (date(2026, 7, 1), date(2026, 9, 30))
    return Published("naive", "quarter", *period, Rule(k), dimensions, tuple(said))


def _seconds_of_attack() -> float:
    release = margins(PLACES, REASONS, k=K)
    began = time.process_time()
    whole = system([release])
    found = narrowed_sets(whole, Search(whole.rows), explain=0)
    assert found.reach.possible and found.findings
    return time.process_time() - began


def _seconds_of_meet() -> float:
    random = np.random.default_rng(1)
    base = random.integers(1, BLOCKS + 1, PERSONS)
    releases = []
    for number in range(RELEASES):
        blocks = random.permutation(base) if number % 2 else base.copy()
        blocks[random.random(PERSONS) < 0.05] = 0
        releases.append(Standing(str(number), blocks))
    began = time.process_time()
    meet(releases)
    return time.process_time() - began
