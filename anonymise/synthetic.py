"""Made-up persons for tests and measurements: municipalities by inhabitants, ages, sexes and chapters by fixed weights."""

import numpy as np
import polars as pl

from anonymise.hierarchies import UNKNOWN, ages, chapters, sexes
from anonymise.municipalities import municipality_table

_AGE_WEIGHTS = (9, 9, 11, 12, 13, 16, 13, 10, 7, 0)
_SEX_WEIGHTS = (51, 48, 1)
_CHAPTER_WEIGHTS = {
    "J00-J99": 22, "M00-M99": 15, "F00-F99": 11, "I00-I99": 10, "R00-R99": 9, "K00-K93": 7, "E00-E90": 7,
    "N00-N99": 5, "L00-L99": 4, "A00-B99": 4, "Z00-Z99": 3, "G00-G99": 2, "S00-T98": 2, "H00-H59": 1, UNKNOWN: 1,
}  # fmt: skip


def persons(number: int, seed: int = 0) -> pl.DataFrame:
    """One row per person: person, municipality, age_band, sex, chapter."""
    random = np.random.default_rng(seed)
    table = municipality_table()
    columns = {
        "municipality": ([row.ags for row in table], [row.population for row in table]),
        "age_band": (list(ages().values), list(_AGE_WEIGHTS)),
        "sex": (list(sexes().values), list(_SEX_WEIGHTS)),
        "chapter": (list(chapters().values), [_CHAPTER_WEIGHTS.get(value, 0.2) for value in chapters().values]),
    }
    drawn: dict[str, pl.Series] = {"person": pl.Series(np.arange(number)).cast(pl.String)}
    for name, (values, weights) in columns.items():
        share = np.asarray(weights, dtype=np.float64)
        places = random.choice(len(values), size=number, p=share / share.sum())
        drawn[name] = pl.Series(values)[places]
    return pl.DataFrame(drawn)
