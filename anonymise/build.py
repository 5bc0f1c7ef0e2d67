"""From persons to a data set: count, partition, group, tabulate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from anonymise.blocks import Blocks, plain_blocks
from anonymise.cohort import CLINIC, INSTITUTION
from anonymise.counts import PERSON, Counted, base_values, cells_of, count
from anonymise.dataset import DeclaredTable
from anonymise.definition import Definition
from anonymise.denominators import inhabitants_for
from anonymise.hierarchy import Codes, Hierarchy
from anonymise.losses import Declared, Loss, Table
from anonymise.partition import Partition, as_before, fits, partition
from anonymise.problems import TooFewPersons
from anonymise.rows import Table as Rows
from anonymise.rule import may_be_counted
from anonymise.sensitive import breakdown
from anonymise.tables import tabulate


@dataclass(frozen=True, slots=True)
class Built:
    """A data set as it would be published, and who stands in which block and group with which sensitive value.

    `persons` has the persons with the base value of each dimension, `members` the columns person, block, group, value;
    `group` is null where no group is shown. Both stay inside.
    """

    blocks: Blocks
    table: Rows
    persons: pl.DataFrame
    members: pl.DataFrame
    partition: Partition


def build(persons: pl.DataFrame, definition: Definition, *, blocks: pl.DataFrame | None = None) -> Built:
    """The data set about some persons, one row each: `person` and a column for every identifying dimension of the cohort
    and for the sensitive one of the data set; `clinic` where the definition asks for dominance.

    `blocks` (`person`, `block`) are those of a release that is out about the cohort: where they fit they stay, since one
    partition serves all data sets about it, also those that are declared later."""
    persons = taking_part(persons, definition)
    hierarchies = tuple(definition.hierarchies[d.name] for d in definition.identifying)
    sensitive = None if definition.sensitive is None else definition.hierarchies[definition.sensitive.name]
    dominance = definition.protection.dominance
    counted = count(persons, hierarchies, sensitive=sensitive, clinics=dominance is not None)
    known = None if blocks is None else _known(persons, counted, blocks, hierarchies)
    base = base_partition(counted, definition, block=known)
    if not may_be_counted(base.sizes[:, None], rule=definition.rule).all():
        raise TooFewPersons
    made = replace(plain_blocks(base), sensitive=sensitive)
    if sensitive is not None and not definition.bare:
        made = breakdown(
            counted.by_block(base.block, counted.value),
            base,
            sensitive=sensitive,
            loss=loss_of(definition.dataset.table, hierarchies),
            strata=base.strata,
            rule=definition.asked,
            told=definition.told,
            by_clinic=counted.by_block(base.block, counted.clinic) if dominance else None,
            clinics=(dominance.clinics, dominance.share_limit) if dominance else (0, 1.0),
        )
    table = tabulate(made, definition, inhabitants=inhabitants_for(definition))
    values = base_values(persons, hierarchies if sensitive is None else (*hierarchies, sensitive))
    return Built(made, table, values, _members(values, counted, base, made), base)


def taking_part(persons: pl.DataFrame, definition: Definition) -> pl.DataFrame:
    """The persons that are counted: all, or where each clinic counts for itself, those of clinics with at least k.

    A smaller clinic could only be told joined with another, and somebody treated at both would stand there twice.
    """
    if definition.source.legal_basis != INSTITUTION:
        return persons
    kept = persons.filter(pl.len().over(CLINIC) >= definition.rule.k)
    if kept.is_empty():
        raise TooFewPersons
    return kept


def base_partition(counted: Counted, definition: Definition, *, block: Codes | None = None) -> Partition:
    """The partition of a cohort: the same for all its data sets, since it knows only what they declare together; or the one
    that was made before, given the block of every cell."""
    hierarchies = tuple(definition.hierarchies[d.name] for d in definition.identifying)
    hard = {
        place: definition.hierarchies[d.name].level(d.hard)
        for place, d in enumerate(definition.identifying)
        if d.hard is not None
    }
    cells, number, k = counted.cells, counted.persons, definition.rule.k
    if block is not None and fits(cells, number, block, hierarchies=hierarchies, k=k, hard=hard):
        return as_before(cells, number, block, hierarchies=hierarchies, k=k, hard=hard)
    return partition(
        cells,
        number,
        hierarchies=hierarchies,
        loss=loss_of(definition.declared, hierarchies),
        k=k,
        hard=hard,
    )


def _known(
    persons: pl.DataFrame, counted: Counted, blocks: pl.DataFrame, hierarchies: tuple[Hierarchy, ...]
) -> Codes | None:
    """The block of every cell as it was; None where the persons are others, or those who are alike stood apart."""
    block = persons.select(PERSON).join(blocks, on=PERSON, how="left", maintain_order="left")["block"]
    if block.null_count() or blocks.height != persons.height:
        return None
    own, place = block.to_numpy(), cells_of(persons, counted, identifying=hierarchies)
    found = np.empty(len(counted.cells), dtype=np.int64)
    found[place] = own
    return found if (found[place] == own).all() else None


def loss_of(tables: Sequence[DeclaredTable], hierarchies: Sequence[Hierarchy]) -> Loss:
    """The loss of the identifying part of some declared tables; tables with the same part count once, with the largest
    weight."""
    places = {h.name: place for place, h in enumerate(hierarchies)}
    weights: dict[tuple[tuple[int, int], ...], float] = {}
    for table in tables:
        part = tuple(
            sorted(
                (places[name], hierarchies[places[name]].level(level))
                for name, level in table.cells.items()
                if name in places
            )
        )
        if part:
            weights[part] = max(weights.get(part, 0.0), table.weight)
    return Declared(tuple(hierarchies), tuple(Table(dict(part), weight) for part, weight in sorted(weights.items())))


def _members(persons: pl.DataFrame, counted: Counted, base: Partition, made: Blocks) -> pl.DataFrame:
    block = base.block[cells_of(persons, counted, identifying=base.hierarchies)]
    group = pl.Series(made.group[block]) if made.group is not None else pl.Series([None] * len(block), dtype=pl.Int64)
    nothing = pl.Series([None] * len(block), dtype=pl.String)
    value = nothing if made.sensitive is None else persons[made.sensitive.name]
    return pl.DataFrame({"person": persons[PERSON], "block": pl.Series(block), "group": group, "value": value})
