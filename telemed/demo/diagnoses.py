"""How often which diagnosis is the reason for an encounter: made-up frequencies by age and season."""

from bisect import bisect
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final

from telemed.console.diagnoses import TEXTS

WINTER: Final = (1.8, 1.9, 1.4, 0.9, 0.6, 0.5, 0.4, 0.5, 0.9, 1.3, 1.5, 1.7)
SUMMER: Final = (0.6, 0.6, 0.8, 1.2, 1.5, 1.6, 1.5, 1.4, 1.0, 0.8, 0.6, 0.6)
ALWAYS: Final = (1.0,) * 12


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A code, and how often it is the reason: weights for the ages 0-17, 18-44, 45-64, 65 and over."""

    code: str
    weights: tuple[float, float, float, float]
    season: tuple[float, ...] = ALWAYS

    @property
    def text(self) -> str:
        """What the code means."""
        return TEXTS[self.code]


DIAGNOSES: Final = (
    Diagnosis("J06.9", (30, 18, 10, 7), WINTER),
    Diagnosis("J20.9", (8, 6, 6, 7), WINTER),
    Diagnosis("J45.9", (4, 3, 2, 2)),
    Diagnosis("J44.9", (0, 0.3, 3, 6)),
    Diagnosis("A09.9", (8, 5, 3, 2), WINTER),
    Diagnosis("B34.9", (8, 3, 2, 1), WINTER),
    Diagnosis("I10.90", (0, 2, 14, 22)),
    Diagnosis("I50.9", (0, 0.1, 2, 8)),
    Diagnosis("I48.9", (0, 0.2, 2, 7)),
    Diagnosis("E11.90", (0, 1, 8, 13)),
    Diagnosis("E03.9", (0.3, 3, 4, 4)),
    Diagnosis("M54.5", (1, 10, 14, 10)),
    Diagnosis("M17.9", (0, 0.5, 5, 9)),
    Diagnosis("M79.18", (0.5, 3, 3, 2)),
    Diagnosis("F32.9", (1, 8, 8, 4)),
    Diagnosis("F43.2", (1, 6, 5, 2)),
    Diagnosis("F90.0", (4, 1, 0.1, 0)),
    Diagnosis("G43.9", (1, 5, 3, 1)),
    Diagnosis("G47.0", (0.2, 3, 4, 4)),
    Diagnosis("L20.9", (5, 2, 1, 1)),
    Diagnosis("L30.9", (3, 3, 3, 3)),
    Diagnosis("L57.0", (0, 0.2, 2, 6), SUMMER),
    Diagnosis("J30.1", (5, 4, 2, 1), SUMMER),
    Diagnosis("T63.4", (2, 1.5, 1, 1), SUMMER),
    Diagnosis("S93.40", (4, 3, 1, 0.5), SUMMER),
    Diagnosis("N39.0", (1, 4, 3, 5)),
    Diagnosis("N18.9", (0, 0.2, 1, 4)),
    Diagnosis("K21.9", (0.2, 3, 4, 4)),
    Diagnosis("K29.7", (0.5, 3, 3, 2)),
    Diagnosis("H10.9", (5, 2, 1, 1)),
    Diagnosis("H66.9", (7, 1, 0.5, 0.3), WINTER),
    Diagnosis("Z00.0", (3, 3, 4, 4)),
    Diagnosis("R51", (3, 4, 2, 1)),
    Diagnosis("R05", (5, 3, 2, 2), WINTER),
    Diagnosis("D50.9", (1, 3, 1, 2)),
    Diagnosis("C44.9", (0, 0.1, 1, 3)),
    Diagnosis("U07.1", (2, 3, 2, 2), WINTER),
)


def _tables() -> dict[tuple[int, int], list[float]]:
    """Running sums of the weights for every age group and month."""
    return {
        (group, month): list(accumulate(d.weights[group] * d.season[month - 1] for d in DIAGNOSES))
        for group in range(4)
        for month in range(1, 13)
    }


_TABLES: Final = _tables()


def reason(random: Random, *, age: int, month: int) -> Diagnosis:
    """Why somebody of this age comes in this month."""
    group = 0 if age < 18 else 1 if age < 45 else 2 if age < 65 else 3
    table = _TABLES[group, month]
    return DIAGNOSES[bisect(table, random.random() * table[-1])]
