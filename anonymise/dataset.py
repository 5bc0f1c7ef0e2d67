"""What a data set is: the tables and measures that it shows of a cohort, and its texts."""

from typing import Annotated, Final, Literal

import msgspec

from anonymise.about import Filled, Name, Words

HEAVIEST: Final = 1000.0
"""Above it, the other tables would not count at all."""

Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]


class DeclaredTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table: for each of its dimensions the level of its cells. The weight says how much an error in it matters."""

    cells: Annotated[dict[Name, Filled], msgspec.Meta(min_length=1)]
    weight: Annotated[float, msgspec.Meta(gt=0, le=HEAVIEST)] = 1.0


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is told of a cell.

    `persons` are distinct persons. `mean` is the mean of a dimension in bands, told with the bounds that the bands leave,
    so that no single person's number enters it. `rate` is persons per `per` inhabitants, `standardised` the rate
    directly standardised to the European Standard Population 2013.
    """

    name: Name
    kind: Literal["persons", "mean", "rate", "standardised"]
    title: Words
    of: Name | None = None
    per: Annotated[int, msgspec.Meta(ge=1)] = 1000


class DataSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A data set about a cohort. The first measure is `persons`, always."""

    slug: Slug
    title: Words
    description: Words
    keywords: Annotated[tuple[Words, ...], msgspec.Meta(min_length=1)]
    table: Annotated[tuple[DeclaredTable, ...], msgspec.Meta(min_length=1)]
    measure: tuple[Measure, ...] = ()
