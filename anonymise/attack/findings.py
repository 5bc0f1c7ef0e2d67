"""What an attack found: the set that was narrowed, how far, and how an auditor can follow it."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal[
    "set", "share", "categories", "composition", "presence", "minimality", "more", "contradiction", "undecided"
]

EXPLAINED: Final[dict[Kind, str]] = {
    "set": "The numbers narrow a set to fewer persons than a block must hold.",
    "share": "The numbers prove that too large a share of a set has one category.",
    "categories": "The numbers leave too few categories for a set of persons.",
    "composition": "For persons known to be in several periods, the numbers of all leave too little open.",
    "presence": "The numbers prove that too many of a place's inhabitants are in.",
    "minimality": "That the numbers are as coarse as they are tells what finer ones would have shown.",
    "more": "A row says more than the blocks and groups that it is made of.",
    "contradiction": "The numbers contradict each other: a file was changed, or a withheld number is zero.",
    "undecided": "The search was not done in time, so this is not known to be safe.",
}
"""Each kind of finding in one sentence that gives away no place and no rule: the public report says no more."""


@dataclass(frozen=True, slots=True)
class Step:
    """One published number that a derivation uses: where it stands, its set, what it says, how it enters the sum."""

    where: str
    about: str
    says: str
    sign: int = 1
    number: int | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.about} - {self.says}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that published numbers give away.

    `what` names the set in words; the count of its persons, or of those with the category, lies between `lower` and
    `upper`; `of` is the number of all persons of the set where a share is meant. `limit` says what would have been enough.
    """

    kind: Kind
    releases: tuple[str, ...]
    what: str
    lower: int
    upper: int
    limit: str
    of: int | None = None
    derivation: tuple[Step, ...] = ()
    conclusion: str = ""

    @property
    def certain(self) -> str:
        """What is certain, in words."""
        number = str(self.lower) if self.lower == self.upper else f"between {self.lower} and {self.upper}"
        return f"{number} of {self.of}" if self.of is not None else number

    def __str__(self) -> str:
        return f"{self.what}: {self.certain}; {self.limit}"
