"""What is told of a cell beside its persons: the mean of a banded number, rates per inhabitant.

Rates are of persons treated at participating services per inhabitants, not of a disease in the population.
Intervals: Byar's approximation to the Poisson limits (Breslow and Day 1987); standardised rates: Dobson et al. 1991, with
the European Standard Population of 2013 (Eurostat, Revision of the European Standard Population, 2013).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from anonymise.ages import OLDEST, band
from anonymise.blocks import Blocks
from anonymise.categories import Bounded
from anonymise.cells import spread
from anonymise.dimensions import Band
from anonymise.hierarchy import Codes
from anonymise.losses import Floats
from anonymise.rows import ESTIMATE, WITHHELD, Row
from anonymise.rule import Rule

Z95: Final = 1.959964
DECIMALS: Final = 2

STANDARD_POPULATION_2013: Final = (
    *(5000, 5500, 5500, 5500, 6000, 6000, 6500, 7000, 7000, 7000),
    *(7000, 6500, 6000, 5500, 5000, 4000, 2500, 1500, 1000),
)
"""Persons of 100,000 per band of five years from 0-4 to 85-89, and 90+: the standard's 0 and 1-4, and its 90-94 and 95+,
are put together."""


@dataclass(frozen=True, slots=True)
class Inhabitants:
    """The inhabitants per combination of values of some identifying dimensions, by their place among them."""

    dimensions: tuple[int, ...]
    cells: Codes
    persons: Codes


def mean_of(found: Bounded, cell: int, *, bands: Sequence[Band]) -> Row:
    """The mean of a banded number over the persons of a cell whose bands are all exact: with every band at its middle, and
    bounds with every band at its ends. Values without a band are left out. The last band has no end, so the upper bound is
    missing where somebody is in it."""
    lower, upper = found.lower[cell][: len(bands)], found.upper[cell][: len(bands)]
    total = int(lower.sum())
    if (lower != upper).any() or not total:
        return Row((), None, WITHHELD)
    lows = np.array([low for _, low, _ in bands])
    ends = np.array([low if end is None else end for _, low, end in bands])
    open_end = bands[-1][2] is None and int(lower[-1]) > 0
    least, most = float(lower @ lows) / total, float(lower @ ends) / total
    return Row((), round((least + most) / 2, 1), ESTIMATE, round(least, 1), None if open_end else round(most, 1))


def rate_of(
    blocks: Blocks, levels: Mapping[int, int], inhabitants: Inhabitants, *, per: int, rule: Rule
) -> Iterator[Row]:
    """Persons per so many inhabitants with a 95 % interval, cell by cell. Where the persons are an estimate, the interval
    reaches from the limit at their lower bound to that at their upper bound. None where inhabitants are not known by the
    dimensions of the table."""
    if not set(levels) <= set(inhabitants.dimensions):
        return
    expected, lower, upper = spread(blocks, levels).sums(blocks.persons)
    people = inhabitants_of(inhabitants, blocks, levels)
    for value, low, high, all_of in zip(
        expected.tolist(), lower.tolist(), upper.tolist(), people.tolist(), strict=True
    ):
        if all_of == 0 or round(value) < rule.k or high > all_of:
            yield Row((), None, WITHHELD)
            continue
        limits = byar(low)[0], byar(high)[1]
        shown = [round(number / all_of * per, DECIMALS) for number in (value, *limits)]
        yield Row((), shown[0], ESTIMATE, shown[1], shown[2])


def byar(count: float) -> tuple[float, float]:
    """The 95 % limits of a Poisson count."""
    if count == 0:
        return 0.0, -float(np.log(0.025))
    low = count * (1 - 1 / (9 * count) - Z95 / (3 * count**0.5)) ** 3
    more = count + 1
    return float(low), float(more * (1 - 1 / (9 * more) + Z95 / (3 * more**0.5)) ** 3)


def inhabitants_of(inhabitants: Inhabitants, blocks: Blocks, levels: Mapping[int, int]) -> Codes:
    """The inhabitants of every cell of a table."""
    place = np.zeros(len(inhabitants.cells), dtype=np.int64)
    number = 1
    for dimension, level in levels.items():
        hierarchy = blocks.identifying[dimension]
        values = inhabitants.cells[:, inhabitants.dimensions.index(dimension)]
        place = place * len(hierarchy.nodes[level]) + hierarchy.levels[level][values]
        number *= len(hierarchy.nodes[level])
    return np.bincount(place, weights=inhabitants.persons, minlength=number).astype(np.int64)


def standardised_rate(
    blocks: Blocks, levels: Mapping[int, int], inhabitants: Inhabitants, *, per: int, rule: Rule
) -> Iterator[Row]:
    """The rate directly standardised to the European Standard Population 2013, cell by cell; withheld where an age band has
    no inhabitants. Where the persons of a band are an estimate, the interval reaches from the limit at all lower bounds to
    that at all upper bounds."""
    age = next((d for d, h in enumerate(blocks.identifying) if h.level_names[0] in map(str, OLDEST)), None)
    if age is None or age in levels or not {*levels, age} <= set(inhabitants.dimensions):
        return
    with_age = {**levels, age: 0}
    weights = _standard(blocks.identifying[age].values)
    used = weights > 0
    found = (*spread(blocks, with_age).sums(blocks.persons), inhabitants_of(inhabitants, blocks, with_age))
    shaped = [part.reshape(-1, len(weights))[:, used] for part in found]
    for counts, low, high, people in zip(*shaped, strict=True):
        if (people == 0).any() or counts.sum() < rule.k or low.sum() == 0:
            yield Row((), None, WITHHELD)
            continue
        rate, _, _ = directly_standardised(counts, people, weights[used])
        _, least, _ = directly_standardised(low, people, weights[used])
        _, _, most = directly_standardised(high, people, weights[used])
        yield Row(
            (), *(round(rate * per, DECIMALS), ESTIMATE, round(least * per, DECIMALS), round(most * per, DECIMALS))
        )


def directly_standardised(counts: Floats, people: Codes, weights: Floats) -> tuple[float, float, float]:
    """Sum of weight times rate per inhabitant, with Dobson's 95 % interval."""
    share = weights / weights.sum()
    rate = float((share * counts / people).sum())
    variance = float((share**2 * counts / people**2).sum())
    total = float(counts.sum())
    scale = (variance / total) ** 0.5
    low, high = (rate + scale * (limit - total) for limit in byar(total))
    return rate, low, high


def _standard(values: Sequence[str]) -> Floats:
    """The standard population per age value; zero for what is no band."""
    weights = dict.fromkeys(values, 0.0)
    for place, persons in enumerate(STANDARD_POPULATION_2013):
        for step in OLDEST:
            name = band(place * 5, step)
            if step > 1 and name in weights:
                weights[name] += persons
                break
    return np.array([weights[value] for value in values])
