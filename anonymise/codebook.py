"""The codebook for programs: CSVW metadata of the CSV file."""

import json

from anonymise import pages
from anonymise.about import About
from anonymise.release_pages import codelist, columns, covered, label, revised
from anonymise.rows import Table

MEASURE = "measure"
_NUMBERS = ("value", "lower", "upper")


def _notes(about: About) -> list[dict[str, str]]:
    """How much is covered, and that nothing is revised, in both languages: for those who have the table alone."""
    found = []
    for language in pages.LANGUAGES:
        t = pages.texts(language)
        said = "; ".join(f"{words}: {figure}" for words, figure in covered(about, language))
        frozen = t.cover_revisions.format(about.issued.date().isoformat())
        frozen += f" {revised(about, language)}"
        found.append({"@value": f"{said}. {frozen}" if said else frozen, "@language": language})
    return found


def csv_metadata(table: Table, about: About) -> bytes:
    """`csv-metadata.json`: every column with titles, description, type and, for dimensions, its codes."""
    titles = {d.name: {"de": d.title.de, "en": d.title.en} for d in about.dimensions}
    english = dict(columns(table, about, "en"))
    described = []
    for name, german in columns(table, about, "de"):
        column: dict[str, object] = {
            "name": name,
            "titles": name,
            "datatype": _datatype(table, name),
            "null": "",
            "required": name in ("period", *titles),
            "dc:description": [{"@value": german, "@language": "de"}, {"@value": english[name], "@language": "en"}],
        }
        described.append(column)
    document = {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "de"}],
        "url": f"{about.slug}.csv",
        "dc:title": [{"@value": about.title.de, "@language": "de"}, {"@value": about.title.en, "@language": "en"}],
        "dc:license": {"@id": about.licence.uri},
        "rdfs:comment": _notes(about),
        "dialect": {"delimiter": ",", "encoding": "utf-8", "lineTerminators": "\n"},
        "tableSchema": {"columns": described, "primaryKey": ["period", *table.dimensions]},
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def codes(table: Table) -> bytes:
    """`codes.json`: per dimension every code with its label in German and English and the base values it stands for."""
    lists: dict[str, list[dict[str, object]]] = {}
    for name, held in table.holds.items():
        lists[name] = [
            {"code": code, "de": label(table, name, code, "de"), "en": label(table, name, code, "en"), "holds": values}
            for code, values in sorted(held.items())
        ]
    if MEASURE in table.dimensions:
        english = dict(codelist(table, MEASURE, "en"))
        lists[MEASURE] = [{"code": c, "de": text, "en": english[c]} for c, text in codelist(table, MEASURE, "de")]
    return json.dumps(lists, ensure_ascii=False, indent=1).encode() + b"\n"


def _datatype(table: Table, name: str) -> object:
    if name in _NUMBERS:
        return {"base": "number" if MEASURE in table.dimensions else "integer", "minimum": 0}
    if name == "flag":
        return {"base": "string", "format": "c|e"}
    return (
        "string"
        if name in table.dimensions
        else {"base": "string", "format": "[0-9]{4}-(Q[1-4]|M[01][0-9]|W[0-5][0-9])"}
    )
