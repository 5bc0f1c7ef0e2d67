"""Made-up persons for tests and measurements: municipalities by inhabitants, ages, sexes and chapters by fixed weights."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from anonymise.hierarchies import SEXES, UNKNOWN, ages, chapters
from anonymise.municipalities import municipality_table

_AGE_WEIGHTS = (9, 9, 11, 12, 13, 16, 13, 10, 7, 0)
_SEX_WEIGHTS = (51, 48, 1)
_CHAPTER_WEIGHTS = {
    "J00-J99": 22, "M00-M99": 15, "F00-F99": 11, "I00-I99": 10, "R00-R99": 9, "K00-K93": 7, "E00-E90": 7,
    "N00-N99": 5, "L00-L99": 4, "A00-B99": 4, "Z00-Z99": 3, "G00-G99": 2, "S00-T98": 2, "H00-H59": 1, UNKNOWN: 1,
}  # fmt: skip


_MODE_WEIGHTS = {"video": 31, "on_site": 58, "mixed": 11}
_CONDITION_WEIGHTS = {
    "none": 55, "I10-I15": 20, "M05-M19": 8, "E10-E14": 7, "J44-J47": 5, "I20-I25": 3, "I50": 2,
}  # fmt: skip
_VISIT_WEIGHTS = {"1": 55, "2": 22, "3-4": 15, "5+": 8}
_WAIT_WEIGHTS = {"0-1": 20, "2-7": 30, "8-14": 24, "15-28": 16, "29+": 10}
_TRAVEL_WEIGHTS = {"0": 57, "1-9": 16, "10-24": 13, "25-49": 8, "50-99": 4, "100+": 2}
_CLINIC_WEIGHTS = {f"demo-clinic-{number:02}": 15 - number for number in range(1, 15)}
_DISEASE_WEIGHTS = {"J00-J06": 62, "J09-J18": 11, "J20-J22": 15, "J30-J99": 12}


def persons(number: int, seed: int = 0) -> pl.DataFrame:
    """One row per person: person and every column that the shipped definitions ask for."""
    random = np.random.default_rng(seed)
    table = municipality_table()
    weights: dict[str, Mapping[str, float]] = {
        "municipality": {row.ags: row.population for row in table},
        "age_band": dict(zip(ages().from_level("10").values, _AGE_WEIGHTS, strict=True)),
        "sex": dict(zip(SEXES, _SEX_WEIGHTS, strict=True)),
        "chapter": {value: _CHAPTER_WEIGHTS.get(value, 0.2) for value in chapters().values},
        "mode": _MODE_WEIGHTS,
        "condition": _CONDITION_WEIGHTS,
        "visits": _VISIT_WEIGHTS,
        "wait_days": _WAIT_WEIGHTS,
        "travel_km": _TRAVEL_WEIGHTS,
        "disease": _DISEASE_WEIGHTS,
        "clinic": _CLINIC_WEIGHTS,
    }
    drawn: dict[str, pl.Series] = {"person": pl.Series(np.arange(number)).cast(pl.String)}
    for name, shares in weights.items():
        share = np.asarray(list(shares.values()), dtype=np.float64)
        places = random.choice(len(shares), size=number, p=share / share.sum())
        drawn[name] = pl.Series(list(shares))[places]
    return pl.DataFrame(drawn)
