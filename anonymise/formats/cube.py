"""RDF Data Cube in Turtle. Addresses are relative, so the file stays right wherever the release is served."""

import json
from collections.abc import Iterator

from anonymise.about import About
from anonymise.rows import Table

_PREFIXES = """\
@prefix qb: <http://purl.org/linked-data/cube#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix sdmx-attribute: <http://purl.org/linked-data/sdmx/2009/attribute#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix : <#> .
"""


def cube_bytes(table: Table, about: About) -> bytes:
    """The rows as observations of a qb:DataSet with its structure."""
    return "\n".join(_lines(table, about)).encode() + b"\n"


def _lines(table: Table, about: About) -> Iterator[str]:
    names = ("period", *table.dimensions)
    titles = {d.name: d.title for d in about.dimensions}
    yield _PREFIXES
    yield f":data a qb:DataSet ; qb:structure :structure ; dct:title {_text(about.title.de)}@de , {_text(about.title.en)}@en ;"
    yield f"  dct:license <{about.licence.uri}> ."
    yield ":structure a qb:DataStructureDefinition ;"
    yield "  qb:component " + " , ".join(f"[ qb:dimension :{name} ]" for name in names) + " ,"
    yield "    [ qb:measure :value ] , [ qb:attribute :flag ] , [ qb:attribute :lower ] , [ qb:attribute :upper ] ."
    for name in names:
        label = f" ; rdfs:label {_text(titles[name].de)}@de , {_text(titles[name].en)}@en" if name in titles else ""
        yield f":{name} a qb:DimensionProperty ; rdfs:range xsd:string{label} ."
    decimals = "decimal" if "measure" in table.dimensions else "integer"
    yield f":value a qb:MeasureProperty ; rdfs:range xsd:{decimals} ."
    for name in ("flag", "lower", "upper"):
        yield f":{name} a qb:AttributeProperty ."
    for number, row in enumerate(table.rows, start=1):
        pairs = zip(names, (about.release, *row.keys), strict=True)
        parts = [f":{name} {_text(code)}" for name, code in pairs]
        numbers = (("value", row.value), ("lower", row.lower), ("upper", row.upper))
        parts += [f":{name} {number}" for name, number in numbers if number is not None]
        parts += [f":flag {_text(row.flag)}"] if row.flag else []
        yield f":o{number} a qb:Observation ; qb:dataSet :data ; {' ; '.join(parts)} ."


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
