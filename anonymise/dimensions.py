"""The hierarchy that a dimension of a definition asks for: shipped, in a file, in bands, or a list of values."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from anonymise.cohort import Dimension
from anonymise.hierarchies import HIERARCHIES
from anonymise.hierarchy import TOP, UNKNOWN, Hierarchy, Text, build, read_hierarchy
from anonymise.problems import HierarchyInvalid

BAND: Final = "band"
VALUE: Final = "value"
"""The levels of bands and of listed values."""


def hierarchy_of(dimension: Dimension, folder: Path) -> Hierarchy:
    """The hierarchy of a dimension, from its base on; files are looked for in the folder."""
    stated = [dimension.hierarchy, dimension.bands, dimension.values]
    if sum(each is not None for each in stated) != 1:
        raise HierarchyInvalid("needs one of hierarchy, bands or values.")
    if dimension.coarser and dimension.hierarchy is not None:
        raise HierarchyInvalid("coarser is for bands and values; a hierarchy brings its own levels.")
    if dimension.bands is not None:
        found = _banded(dimension, dimension.bands)
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


def bounds_at(dimension: Dimension, level: str) -> tuple[Band, ...]:
    """The bands of a dimension at one of its levels; none where the level has no bands."""
    lows = dimension.coarser.get(level, dimension.bands)
    return _bands(lows) if isinstance(lows, tuple) else ()


def _bands(lows: tuple[int, ...]) -> tuple[Band, ...]:
    pairs = [(low, following - 1) for low, following in pairwise(lows)]
    closed = [(str(low) if low == end else f"{low}-{end}", low, end) for low, end in pairs]
    return (*closed, (f"{lows[-1]}+", lows[-1], None))


def _banded(dimension: Dimension, lows: tuple[int, ...]) -> Hierarchy:
    columns = {BAND: [*(code for code, _, _ in _rising(lows)), UNKNOWN]}
    finer = set(lows)
    for level, some in dimension.coarser.items():
        _require_new(level, columns)
        if not isinstance(some, tuple) or not set(some) < finer or lows[0] not in some[:1]:
            raise HierarchyInvalid(
                f"coarser.{level} must be some of the numbers of the level before, the first among them."
            )
        bands, finer = _rising(some), set(some)
        columns[level] = [*(_band_of(low, bands) for low in lows), UNKNOWN]

    def reads(raw: str) -> str | None:
        try:
            number = int(float(raw))
        except (ValueError, OverflowError):
            return None
        return _band_of(number, _bands(lows)) or None

    return build(dimension.name, columns, reads=reads)


def _rising(lows: tuple[int, ...]) -> tuple[Band, ...]:
    if not lows or lows[0] < 0 or any(b <= a for a, b in pairwise(lows)):
        raise HierarchyInvalid("bands must be rising numbers from 0 on, the first number of each.")
    return _bands(lows)


def _band_of(number: int, bands: tuple[Band, ...]) -> str:
    """The code of the band that a number lies in; empty where it lies below all."""
    return next((code for code, low, end in bands if low <= number and (end is None or number <= end)), "")


def _listed(dimension: Dimension) -> Hierarchy:
    titles = {value: Text(words.de, words.en) for value, words in (dimension.values or {}).items()}
    columns = {VALUE: list(titles)}
    for level, nodes in dimension.coarser.items():
        _require_new(level, columns)
        if not isinstance(nodes, dict) or not nodes:
            raise HierarchyInvalid(f"coarser.{level} must name nodes, each with what it joins and its titles.")
        before = list(columns.values())[-1]
        joins = [each for node in nodes.values() for each in node.joins]
        if not set(joins) <= set(before) or len(set(joins)) < len(joins) or set(nodes) & set(titles):
            raise HierarchyInvalid(f"coarser.{level} must join nodes of the level before, each once, under new codes.")
        into = {each: code for code, node in nodes.items() for each in node.joins}
        columns[level] = [into.get(each, each) for each in before]
        titles |= {code: Text(node.de, node.en) for code, node in nodes.items()}
    return build(dimension.name, columns, titles=titles)


def _require_new(level: str, columns: Mapping[str, object]) -> None:
    if level in columns or level == TOP:
        raise HierarchyInvalid(f"coarser.{level} is the name of a level that is there already.")


def _named(hierarchy: str, name: str, folder: Path) -> Hierarchy:
    if hierarchy.endswith(".csv"):
        return read_hierarchy(folder / hierarchy, name)
    if hierarchy not in HIERARCHIES:
        raise HierarchyInvalid(f"there is no hierarchy {hierarchy!r}. Use a CSV file or {', '.join(HIERARCHIES)}.")
    return replace(HIERARCHIES[hierarchy](), name=name)
