"""From persons to rows: count, partition, break down, tabulate."""

import polars as pl

from anonymise.counts import cells
from anonymise.definition import Definition
from anonymise.partition import partition
from anonymise.sensitive import breakdown
from anonymise.tables import Table, tabulate


def build(persons: pl.DataFrame, definition: Definition) -> Table:
    """The rows about some persons (person, municipality, age_band, sex, chapter) under a definition."""
    counted = cells(persons, definition.identifying, sensitive=definition.sensitive)
    rule = definition.rule
    blocks = partition(counted.persons, counted.identifying, rule=rule)
    shown = breakdown(counted.by_block(blocks.blocks), blocks, sensitive=counted.sensitive, rule=rule)
    return tabulate(counted, blocks, shown, rule=rule)
