"""The ladder of a data set: how coarse it tells its sensitive dimension, one step after the other, until the audits pass.

At a step groups are asked for more than the promise (a smaller largest share), or categories are told at a coarser level;
the last step tells none. The steps follow from the definition alone. That one was taken tells that those before it did not
pass: a release names them all, and the attack reckons with it (`attack/minimality.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, Protocol, TypeVar

import msgspec

from anonymise.about import FILE, Step
from anonymise.dataset import DeclaredTable
from anonymise.definition import Definition
from anonymise.hierarchy import TOP
from anonymise.problems import InputInvalid

MARGINS: Final = (0.0, 0.04, 0.05, 0.06, 0.07, 0.1, 0.2)
"""By how much the share that a group is made within lies below the limit, step by step: at the limit itself a group leaves
an attack on several periods no room."""


class Attempt(Protocol):
    """A data set that was tried at a step."""

    @property
    def settled(self) -> bool:
        """Whether no coarser step is wanted: it may be published, or what forbids it lies elsewhere."""
        ...


A = TypeVar("A", bound=Attempt)


def climbed(definition: Definition, attempt: Callable[[Definition], A]) -> tuple[A, ...]:
    """The attempts at a definition, step by step; the last one stands."""
    if definition.sensitive is None:
        return (attempt(definition),)
    tried: tuple[Step, ...] = ()
    made: tuple[A, ...] = ()
    for step in steps(definition):
        tried = (*tried, step)
        made = (*made, attempt(at(definition, tried)))
        if made[-1].settled:
            break
    return made


def steps(definition: Definition) -> tuple[Step, ...]:
    """The steps of a data set, the finest first; one alone where it has no sensitive dimension."""
    return tuple(dict.fromkeys(_steps(definition)))


def _steps(definition: Definition) -> Iterator[Step]:
    sensitive, rule = definition.sensitive, definition.rule
    if sensitive is not None:
        names = definition.hierarchies[sensitive.name].level_names[:-1]
        own = len(names) - len(sensitive.coarser)
        for finest, level in enumerate(names):
            for margin in MARGINS:
                share = round(rule.share_limit - margin, 3)
                yield Step(level, names[max(finest, own - 1)], share, rule.min_categories)
    yield Step(TOP, TOP, rule.share_limit, rule.min_categories)


class _Stated(msgspec.Struct):
    ladder: tuple[Step, ...] = ()


def stated(about: bytes) -> tuple[Step, ...]:
    """The steps that a release names in the content of its `about.json`."""
    try:
        return msgspec.json.decode(about, type=_Stated).ladder
    except msgspec.DecodeError as error:
        raise InputInvalid(f"{FILE} does not say which steps were tried: {error}.") from error


def at(definition: Definition, tried: tuple[Step, ...]) -> Definition:
    """The definition at the last of some steps: its tables tell the sensitive dimension no finer. Without any, as it is."""
    sensitive = definition.sensitive
    if sensitive is None or not tried or tried[-1].finest == TOP:
        return replace(definition, ladder=tried)
    hierarchy, finest = definition.hierarchies[sensitive.name], tried[-1].finest

    def raised(table: DeclaredTable) -> DeclaredTable:
        if sensitive.name not in table.cells:
            return table
        level = max(finest, table.cells[sensitive.name], key=hierarchy.level)
        return msgspec.structs.replace(table, cells={**table.cells, sensitive.name: level})

    tables = tuple(raised(table) for table in definition.dataset.table)
    return replace(definition, dataset=msgspec.structs.replace(definition.dataset, table=tables), ladder=tried)
