"""Random populations, the sets of persons that a data set names, and everything an attacker can form from them."""

from collections.abc import Iterable, Sequence

import polars as pl
from hypothesis import strategies as st

from anonymise.build import Built
from anonymise.hierarchies import ages, municipalities
from anonymise.rows import Row
from tests.anonymise.builders import cohort

# Few places, so that small populations still have something to partition: a town, two Ämter and a far district.
PLACES = [*[m for m in municipalities().values if m[:5] in ("01002", "01057")][:14], "01058135", "01004000"]
BANDS = list(ages().from_level("10").values)
CHAPTERS = ["J00-J99", "I00-I99", "M00-M99", "F00-F99", "Q00-Q99", "unknown"]

Persons = frozenset[str]


@st.composite
def populations(draw: st.DrawFn, least: int = 10, most: int = 160) -> pl.DataFrame:
    """Persons in random cells, some cells crowded, most nearly empty."""
    places = draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=6, unique=True))
    bands = draw(st.lists(st.sampled_from(BANDS), min_size=1, max_size=5, unique=True))
    found = draw(st.lists(st.sampled_from(CHAPTERS), min_size=1, max_size=5, unique=True))
    number = draw(st.integers(least, most))
    random = draw(st.randoms(use_true_random=False))
    rows = []
    for person in range(number):
        # The square makes the first places, bands and chapters the common ones.
        pick = [
            pool[int(random.random() ** 2 * len(pool))] for pool in (places, bands, ["female", "male", "other"], found)
        ]
        rows.append((f"p{person}", *pick))
    return cohort(rows)


class Reader:
    """Reads from what the codes of rows stand for which persons they count."""

    def __init__(self, built: Built) -> None:
        self._table = built.table
        self._values = {name: dict(built.persons.select("person", name).iter_rows()) for name in built.table.dimensions}
        self._everybody = frozenset(built.persons["person"].to_list())

    def named(self, row: Row) -> Persons:
        """The persons that a row counts."""
        chosen = self._everybody
        for dimension, code in zip(self._table.dimensions, row.keys, strict=True):
            held = set(self._table.holds[dimension][code])
            chosen = frozenset(person for person in chosen if self._values[dimension][person] in held)
        return chosen


def sets_by_place(built: Built) -> list[Persons]:
    """The sets of persons whose exact number is published by the identifying dimensions: blocks, and exact rows."""
    reader = Reader(built)
    rows = {reader.named(row) for row in built.table.rows if row.keys[3] == "*" and row.flag == ""}
    return sorted(rows | set(parts(built.members, "block")), key=sorted)


def sets_by_category(built: Built) -> list[Persons]:
    """The groups for which categories are shown."""
    return parts(built.members, "group")


def parts(members: pl.DataFrame, column: str) -> list[Persons]:
    """The persons of every block or group."""
    named = members.drop_nulls(column).group_by(column).agg("person").sort(column)
    return [frozenset(persons) for persons in named["person"].to_list()]


def formed(sets: Sequence[Persons], recipe: Iterable[tuple[int, str]]) -> Persons:
    """What a chain of unions, intersections and differences makes of some sets."""
    made: Persons = frozenset()
    for index, operation in recipe:
        other = sets[index % len(sets)]
        made = made | other if operation == "|" else made & other if operation == "&" else made - other
    return made


def atoms(sets: Sequence[Persons]) -> list[Persons]:
    """The smallest non-empty sets that can be formed: persons who stand in exactly the same sets."""
    members: dict[tuple[bool, ...], set[str]] = {}
    for person in frozenset[str]().union(*sets):
        members.setdefault(tuple(person in each for each in sets), set()).add(person)
    return [frozenset(each) for each in members.values()]


RECIPES = st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from("|&-")), min_size=1, max_size=12)
