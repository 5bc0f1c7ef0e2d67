"""Microdata: one row per person with nodes instead of values, as a product of its own.

Its classes lose least by the normalised certainty penalty instead of by declared tables. They are another partition than
that of a cohort's data sets, and two partitions of the same persons cut each other into sets below k: never publish both.
The ledger remembers either, and the screen refuses the second.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from anonymise.counts import PERSON, base_values, cells_of, count
from anonymise.definition import Definition
from anonymise.hierarchy import ALL, Codes, Hierarchy
from anonymise.losses import Generic
from anonymise.partition import Partition, partition
from anonymise.rule import is_diverse

Objects = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Microdata:
    """The rows, in an order that tells nothing of the persons', and who stands in which class; `members` stays inside."""

    rows: pl.DataFrame
    members: pl.DataFrame
    classes: Partition


def microdata(persons: pl.DataFrame, definition: Definition) -> Microdata:
    """One row per person: the node of every identifying dimension and, in classes that may be broken down, the sensitive
    value at its coarsest level; `*` in the others."""
    hierarchies = tuple(definition.hierarchies[d.name] for d in definition.identifying)
    counted = count(persons, hierarchies)
    base = partition(
        counted.cells, counted.persons, hierarchies=hierarchies, loss=Generic(hierarchies), k=definition.rule.k
    )
    block = base.block[cells_of(persons, counted, identifying=hierarchies)]
    columns = published_nodes(base)
    rows = pl.DataFrame({h.name: columns[d][block] for d, h in enumerate(hierarchies)})
    value = pl.Series([None] * len(block), dtype=pl.String)
    if definition.sensitive is not None:
        sensitive = definition.hierarchies[definition.sensitive.name]
        value = base_values(persons, [sensitive])[sensitive.name]
        rows = rows.with_columns(_shown(value, block, sensitive, definition).alias(sensitive.name))
    members = pl.DataFrame({"person": persons[PERSON], "block": block, "group": block, "value": value})
    return Microdata(rows.sort(rows.columns), members, base)


def published_nodes(base: Partition) -> list[Objects]:
    """Per dimension the code of every class's node."""
    return [np.array(base.codes(dimension), dtype=object) for dimension in range(len(base.hierarchies))]


def _shown(value: pl.Series, block: Codes, sensitive: Hierarchy, definition: Definition) -> pl.Series:
    top = len(sensitive.levels) - 2
    node = sensitive.levels[top][[sensitive.values.index(each) for each in value.to_list()]]
    counts = np.zeros((int(block.max()) + 1, len(sensitive.nodes[top])), dtype=np.int64)
    np.add.at(counts, (block, node), 1)
    allowed = is_diverse(counts, rule=definition.rule)
    names = np.array([*sensitive.nodes[top], ALL], dtype=object)
    return pl.Series(names[np.where(allowed[block], node, -1)], dtype=pl.String)
