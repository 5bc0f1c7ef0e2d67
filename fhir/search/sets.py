"""A set of index tokens of which a hit has one, and how few resources it finds."""

from enum import IntEnum
from typing import Final, NamedTuple

from fhir.search.parameters import Token

MOST: Final = 500  # tokens in one set; a condition that needs more is left to the exact check

TokenSet = frozenset[Token]


class Rank(IntEnum):
    """How many resources a set of tokens finds, by its kind: the rarest first."""

    IDENTIFIER = 0
    CODE_OF_PATIENT = 1
    PATIENT = 2
    TEXT = 3
    CODE_ON_DAY = 4
    DAYS = 5
    NUMBER = 6
    REFERENCE = 7
    CODE = 8
    MONTHS = 9


class Asked(NamedTuple):
    """One set of tokens, and whether having one of them is the same as meeting the condition."""

    rank: Rank
    tokens: TokenSet
    is_exact: bool = False
