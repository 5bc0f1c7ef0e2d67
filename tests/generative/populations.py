"""Random populations, the sets of persons that published rows name, and everything an attacker can form from them."""

from collections.abc import Iterable, Sequence

import polars as pl
from hypothesis import strategies as st

from anonymise.hierarchies import ages, municipalities
from anonymise.tables import Table
from tests.anonymise.builders import cohort

# Few places, so that small populations still have something to partition: a town, two Ämter and a far district.
PLACES = [*[m for m in municipalities().values if m[:5] in ("01002", "01057")][:14], "01058135", "01004000"]
CHAPTERS = ["J00-J99", "I00-I99", "M00-M99", "F00-F99", "Q00-Q99", "unknown"]

Persons = frozenset[str]


@st.composite
def populations(draw: st.DrawFn, least: int = 10, most: int = 160) -> pl.DataFrame:
    """Persons in random cells, some cells crowded, most nearly empty."""
    places = draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=6, unique=True))
    bands = draw(st.lists(st.sampled_from(list(ages().values)), min_size=1, max_size=5, unique=True))
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
    """Reads from the labels of rows alone which persons they count."""

    def __init__(self, table: Table, persons: pl.DataFrame) -> None:
        self._table = table
        self._columns = {name: dict(persons.select("person", name).iter_rows()) for name in table.dimensions}
        self._everybody = frozenset(persons["person"].to_list())
        self._known: dict[tuple[str, str], Persons] = {}

    def named(self, keys: Sequence[str]) -> Persons:
        """The persons that a row with these codes counts."""
        chosen = self._everybody
        for dimension, code in zip(self._table.dimensions, keys, strict=True):
            if code != "*":
                chosen &= self._with(dimension, code)
        return chosen

    def _with(self, dimension: str, code: str) -> Persons:
        if (dimension, code) not in self._known:
            values = self._meant(dimension, code)
            persons = frozenset(person for person, value in self._columns[dimension].items() if value in values)
            self._known[dimension, code] = persons
        return self._known[dimension, code]

    def _meant(self, dimension: str, code: str) -> set[str]:
        if dimension == "municipality":
            return set(self._table.areas[code])
        if dimension == "age_band":
            return spelled_out(code)
        if dimension == "chapter" and code == "other":
            return set(self._columns[dimension].values()) - set(self._table.categories)
        return set(code.split("|"))


def spelled_out(code: str) -> set[str]:
    """The bands of ten years that an age code names."""
    bands = list(ages().values)
    found = set()
    for part in code.split("|"):
        low, _, high = part.partition("-")
        if part in bands:
            found.add(part)
        else:
            first = next(n for n, band in enumerate(bands) if band.startswith(f"{low.rstrip('+')}-"))
            last = (
                bands.index("80+")
                if part.endswith("+")
                else next(n for n, b in enumerate(bands) if b.endswith(f"-{high}"))
            )
            found |= set(bands[first : last + 1])
    return found


def sets_by_place(table: Table, persons: pl.DataFrame) -> list[Persons]:
    """The sets of persons whose exact number is published by the identifying dimensions."""
    reader = Reader(table, persons)
    return sorted({reader.named(row.keys) for row in table.rows if row.keys[3] == "*" and row.flag == ""}, key=sorted)


def sets_by_category(table: Table, persons: pl.DataFrame) -> list[Persons]:
    """The groups for which categories are shown, whole."""
    keys = {row.keys[:3] for row in table.rows if row.keys[3] != "*" and row.flag == ""}
    reader = Reader(table, persons)
    return [reader.named((*key, "*")) for key in sorted(keys)]


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
