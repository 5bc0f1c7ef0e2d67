"""What an attacker holds: numbers about sets of persons, as the folders of releases state them.

A set is a product: for each dimension the base values that its label stands for. Nothing here knows how a release is built.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from anonymise.rule import Rule

Members = tuple[int, ...]
Role = Literal["identifying", "sensitive", "both"]

NAMED: Final = 4
"""How many base values a description lists before it only counts the others."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A dimension of a data set: its base values and, for a telling one, which of them mean nearly the same (`kin`)."""

    name: str
    role: Role
    values: tuple[str, ...]
    kin: tuple[Members, ...] = ()

    @property
    def everything(self) -> Members:
        """All base values."""
        return tuple(range(len(self.values)))


@dataclass(frozen=True, slots=True)
class Statement:
    """One published number: where it stands, the set it is about, and what it says for certain.

    `upper` is None where nothing is said. A withheld number says that it is not zero, because zeros are published.
    """

    where: str
    labels: tuple[str, ...]
    members: tuple[Members, ...]
    lower: int
    upper: int | None
    withheld: bool = False

    def about(self, release: "Published") -> str:
        """The set in words, by the labels that the release uses."""
        named = [
            f"{dimension.name} {label}"
            for dimension, label, chosen in zip(release.dimensions, self.labels, self.members, strict=True)
            if len(chosen) < len(dimension.values)
        ]
        return "; ".join(named) or "everybody"

    @property
    def says(self) -> str:
        """The number in words."""
        if self.withheld:
            return "withheld, so at least 1"
        if self.lower == self.upper:
            return str(self.lower)
        return f"at least {self.lower}" if self.upper is None else f"between {self.lower} and {self.upper}"


@dataclass(frozen=True, slots=True)
class Published:
    """One release: whom it is about, when, under which limits, and all that it says.

    Releases with the same `cohort` are about the same persons. `first` and `last` bound the period.
    """

    name: str
    cohort: str
    first: date
    last: date
    rule: Rule
    dimensions: tuple[Dimension, ...]
    statements: tuple[Statement, ...]
    population: tuple[Statement, ...] = field(default=())

    @property
    def singling(self) -> tuple[int, ...]:
        """The dimensions by which an attacker recognises a person."""
        return tuple(n for n, d in enumerate(self.dimensions) if d.role == "identifying")

    @property
    def telling(self) -> tuple[int, ...]:
        """The dimensions that nobody may learn about a person."""
        return tuple(n for n, d in enumerate(self.dimensions) if d.role != "identifying")


def in_words(dimensions: Sequence[Dimension], members: Sequence[Members]) -> str:
    """A product set in words; dimensions that leave everything open are not named."""
    parts = []
    for dimension, chosen in zip(dimensions, members, strict=True):
        if len(chosen) < len(dimension.values):
            shown = [dimension.values[n] for n in chosen[:NAMED]]
            more = f" and {len(chosen) - NAMED} more" if len(chosen) > NAMED else ""
            parts.append(f"{dimension.name} {', '.join(shown)}{more}")
    return "; ".join(parts) or "everybody"
