"""The public report of a release: figures that anybody can count in its files, and no reason that names a place.

`audit.json` holds them for programs. It is part of what `attack` reads: a figure that does not follow from the other files
would tell something that no block and no group tells.
"""

from collections import Counter

import msgspec
import numpy as np

from anonymise.build import Built
from anonymise.formats.csv import STATED
from anonymise.hierarchy import Codes

__all__ = ["STATED", "Numbers", "Sets", "Stated", "sets_of", "stated_by", "stated_bytes"]


class Sets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many sets there are and the persons of the smallest (0 without any)."""

    number: int
    smallest: int


class Numbers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many rows are exact, estimated and withheld."""

    exact: int
    estimated: int
    withheld: int


class Stated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the public report says in figures, of blocks, groups, and rows about persons."""

    blocks: Sets
    groups: Sets
    rows: Numbers


def stated_by(built: Built) -> Stated:
    """The figures of a release."""
    flags = Counter(row.flag for row in built.table.persons())
    return Stated(
        sets_of(built.blocks.persons), sets_of(built.blocks.group_sizes()), Numbers(flags[""], flags["e"], flags["c"])
    )


def stated_bytes(built: Built) -> bytes:
    """The content of `audit.json`."""
    return msgspec.json.format(msgspec.json.encode(stated_by(built)), indent=1) + b"\n"


def sets_of(sizes: Codes) -> Sets:
    """The figures of some sets, given their persons."""
    return Sets(len(sizes), int(np.min(sizes)) if len(sizes) else 0)
