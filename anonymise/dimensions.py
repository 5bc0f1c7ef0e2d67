"""The hierarchy that a dimension of a definition asks for: shipped, in a file, in bands, or a list of values."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from anonymise.cohort import Dimension
from anonymise.hierarchies import HIERARCHIES
from anonymise.hierarchy import UNKNOWN, Hierarchy, Text, build, read_hierarchy
from anonymise.problems import HierarchyInvalid


def hierarchy_of(dimension: Dimension, folder: Path) -> Hierarchy:
    """The hierarchy of a dimension, from its base on; files are looked for in the folder."""
    stated = [dimension.hierarchy, dimension.bands, dimension.values]
    if sum(each is not None for each in stated) != 1:
        raise HierarchyInvalid("needs one of hierarchy, bands or values.")
    if dimension.bands is not None:
        found = _banded(dimension.name, dimension.bands)
    elif dimension.values is not None:
        found = _listed(dimension)
    else:
        found = _named(str(dimension.hierarchy), dimension.name, folder)
    return found.from_level(dimension.base) if dimension.base is not None else found


Band = tuple[str, int, int | None]
"""The code of a band, its first number, and its last one: None above the last band."""


def bounds_of(dimension: Dimension) -> tuple[Band, ...] | None:
    """The bands of a dimension; None for one without."""
    return None if dimension.bands is None else _bands(dimension.bands)


def _bands(lows: tuple[int, ...]) -> tuple[Band, ...]:
    pairs = [(low, following - 1) for low, following in pairwise(lows)]
    closed = [(str(low) if low == end else f"{low}-{end}", low, end) for low, end in pairs]
    return (*closed, (f"{lows[-1]}+", lows[-1], None))


def _banded(name: str, lows: tuple[int, ...]) -> Hierarchy:
    if not lows or lows[0] < 0 or any(b <= a for a, b in pairwise(lows)):
        raise HierarchyInvalid("bands must be rising numbers from 0 on, the first number of each.")
    bands = _bands(lows)

    def reads(raw: str) -> str | None:
        try:
            number = int(float(raw))
        except (ValueError, OverflowError):
            return None
        return next((code for code, low, end in bands if low <= number and (end is None or number <= end)), None)

    return build(name, {"band": [*(code for code, _, _ in bands), UNKNOWN]}, reads=reads)


def _listed(dimension: Dimension) -> Hierarchy:
    titles = {value: Text(words.de, words.en) for value, words in (dimension.values or {}).items()}
    return build(dimension.name, {"value": tuple(titles)}, titles=titles)


def _named(hierarchy: str, name: str, folder: Path) -> Hierarchy:
    if hierarchy.endswith(".csv"):
        return read_hierarchy(folder / hierarchy, name)
    if hierarchy not in HIERARCHIES:
        raise HierarchyInvalid(f"there is no hierarchy {hierarchy!r}. Use a CSV file or {', '.join(HIERARCHIES)}.")
    return replace(HIERARCHIES[hierarchy](), name=name)
