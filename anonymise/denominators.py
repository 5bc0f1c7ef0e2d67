"""The inhabitants that rates refer to: the table of municipalities that ships, or a file beside the definition."""

import numpy as np
import polars as pl

from anonymise.definition import Definition
from anonymise.measures import Inhabitants
from anonymise.municipalities import municipality_table
from anonymise.problems import InputInvalid

PLACE = "municipality"
PERSONS = "persons"


def inhabitants_for(definition: Definition) -> Inhabitants | None:
    """The inhabitants as a definition names them; None if it names none or none of its dimensions is known for them."""
    terms = definition.cohort.denominators
    names = [d.name for d in definition.identifying]
    if terms is None:
        return None
    if terms.file is not None:
        return _read(definition, terms.file, names)
    if PLACE not in names:
        return None
    hierarchy = definition.hierarchies[PLACE]
    known = [(hierarchy.place_of(row.ags), row.population) for row in municipality_table()]
    found = [(place, population) for place, population in known if place is not None]
    cells = np.array([[place] for place, _ in found], dtype=np.int64)
    return Inhabitants((names.index(PLACE),), cells, np.array([population for _, population in found], dtype=np.int64))


def _read(definition: Definition, name: str, names: list[str]) -> Inhabitants:
    try:
        frame = pl.read_csv(definition.folder / name, infer_schema=False)
        persons = frame[PERSONS].cast(pl.Int64).to_numpy()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputInvalid(f"{name} needs columns of identifying dimensions and {PERSONS}, whole numbers.") from error
    dimensions = tuple(place for place, column in enumerate(names) if column in frame.columns)
    cells = []
    for place in dimensions:
        hierarchy = definition.hierarchies[names[place]]
        column = [hierarchy.place_of(word) if word is not None else None for word in frame[names[place]].to_list()]
        if None in column or not dimensions:
            raise InputInvalid(f"{name}: a value of {names[place]} is not in its hierarchy.")
        cells.append(column)
    return Inhabitants(dimensions, np.array(cells, dtype=np.int64).T, persons.astype(np.int64))
