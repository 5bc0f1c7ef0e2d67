"""Age in whole years, in bands of 5, 10 and 20."""

from functools import cache
from typing import Final

from anonymise.hierarchy import UNKNOWN, Hierarchy, build

OLDEST: Final = {1: 90, 5: 90, 10: 80, 20: 80}
"""The first age of the open band of each step: above it bands hold so few persons that they tell who is meant."""
OLDEST_AGE: Final = 130


def band(age: int, step: int) -> str:
    """The band of 1, 5, 10 or 20 years that an age in whole years falls into."""
    oldest = OLDEST[step]
    if age >= oldest:
        return f"{oldest}+"
    low = age // step * step
    return str(low) if step == 1 else f"{low}-{low + step - 1}"


def age_band(age: int) -> str:
    """The band of ten years that an age in whole years falls into."""
    return band(age, 10)


def _read(raw: str) -> str | None:
    if not raw.isdecimal() or int(raw) > OLDEST_AGE:
        return None
    return band(int(raw), 1)


@cache
def ages() -> Hierarchy:
    """Years, then bands of 5, 10 and 20; `unknown` is the last value. Reads ages in whole years."""
    years = range(OLDEST[1] + 1)
    columns = {str(step): [*(band(age, step) for age in years), UNKNOWN] for step in OLDEST}
    return build("age", columns, seldom=UNKNOWN, reads=_read)
