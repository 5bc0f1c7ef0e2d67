"""The pages inside a release folder: numbers with charts, method, codebook; each in German and English."""

from collections.abc import Iterator
from dataclasses import dataclass

from anonymise import pages
from anonymise.about import About
from anonymise.hierarchies import ALL, HIERARCHIES, municipalities
from anonymise.municipalities import municipality_table
from anonymise.svg import Bar, bars
from anonymise.tables import ESTIMATE, PART, WITHHELD, Row, Table


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table on a page."""

    code: str
    label: str
    text: str
    bounds: str = ""


def release_pages(table: Table, about: About) -> dict[str, bytes]:
    """The pages by file name."""
    made = {}
    for language in pages.LANGUAGES:
        made[pages.file_name("index", language)] = _index(table, about, language)
        made[pages.file_name("method", language)] = _page(f"method_{language}.html", "method", about, language)
        made[pages.file_name("codebook", language)] = _page(
            "codebook.html",
            "codebook",
            about,
            language,
            columns=columns(about, language),
            codelists=[(d.title.of(language), codelist(table, d.name, language)) for d in about.dimensions],
        )
    return made


def columns(about: About, language: str) -> list[tuple[str, str]]:
    """The columns of the table and what each means."""
    t = pages.texts(language)
    described = [(d.name, d.description.of(language)) for d in about.dimensions]
    tail = [("value", t.col_value), ("flag", t.col_flag), ("lower", t.col_lower), ("upper", t.col_upper)]
    return [("period", t.col_period), *described, *tail]


def codelist(table: Table, dimension: str, language: str) -> list[tuple[str, str]]:
    """The codes of a dimension that the rows use, and their labels."""
    place = table.dimensions.index(dimension)
    used = sorted({row.keys[place] for row in table.rows})
    return [(code, label(table, dimension, code, language)) for code in used]


def label(table: Table, dimension: str, code: str, language: str) -> str:
    """What a code means, for people."""
    titles = next(h().titles for h in HIERARCHIES.values() if h().name == dimension)
    if dimension == "municipality":
        return _area_label(table, code, language)
    if code == ALL:
        return "alle" if language == "de" else "all"
    if code == "other" and dimension == "chapter":
        return "übrige Kapitel" if language == "de" else "other chapters"
    parts = code.split("|")
    if dimension == "age_band":
        unknown = "ohne Angabe" if language == "de" else "not stated"
        return ", ".join(unknown if part == "unknown" else part.replace("-", "–") for part in parts)
    return ", ".join(str(getattr(titles[part], language)) for part in parts)


def _area_label(table: Table, code: str, language: str) -> str:
    titles = municipalities().titles
    node, _, part = code.partition(PART)
    base = getattr(titles[ALL if node == "region" else node], language)
    if not part:
        return str(base)
    return str(pages.texts(language).rest_of.format(name=base, count=len(table.areas[code])))


def _page(template: str, name: str, about: About, language: str, **values: object) -> bytes:
    other = "en" if language == "de" else "de"
    return pages.render(
        template,
        language,
        about=about,
        root="",
        page=lambda page: pages.file_name(page, language),
        other_page=pages.file_name(name, other),
        number=lambda value: pages.number(value, language),
        **values,
    )


def _index(table: Table, about: About, language: str) -> bytes:
    t = pages.texts(language)
    rows = {row.keys: row for row in table.rows}
    chapters = _lines(table, "chapter", [r for r in table.rows if r.keys[:3] == (ALL,) * 3], language)
    named = {row.keys[3]: row.value for row in table.rows if row.keys[:3] == (ALL,) * 3}
    reasons = [line for line in chapters if line.code not in (ALL, "other")]
    # Frequent first; what is withheld stands last, in the order of the classification.
    reasons.sort(key=lambda line: -(named[line.code] or 0))
    by_age = [r for r in table.rows if r.keys[0] == ALL and r.keys[2:] == (ALL, ALL) and r.keys[1] != ALL]
    ages = _lines(table, "age_band", by_age, language)
    districts = {row.district for row in municipality_table()}
    totals = [row for row in table.rows if row.keys[1:] == (ALL,) * 3 and row.keys[0] != ALL]
    return _page(
        "release.html",
        "index",
        about,
        language,
        reasons=reasons,
        reasons_chart=_chart([rows[ALL, ALL, ALL, line.code] for line in reasons], reasons, t.reasons, t.reasons_note),
        ages=ages,
        ages_chart=_chart(by_age, ages, t.by_age, t.by_age_note),
        districts=_lines(table, "municipality", [r for r in totals if r.keys[0] in districts], language),
        areas=_lines(table, "municipality", [r for r in totals if r.keys[0] not in districts], language),
    )


def _lines(table: Table, dimension: str, rows: list[Row], language: str) -> list[Line]:
    return list(_each_line(table, dimension, rows, language))


def _each_line(table: Table, dimension: str, rows: list[Row], language: str) -> Iterator[Line]:
    place = table.dimensions.index(dimension)
    for row in rows:
        code = row.keys[place]
        yield Line(code, label(table, dimension, code, language), _text(row, language), _bounds(row, language))


def _text(row: Row, language: str) -> str:
    if row.flag == WITHHELD or row.value is None:
        return str(pages.texts(language).withheld)
    text = pages.number(row.value, language)
    return f"≈ {text}" if row.flag == ESTIMATE else text


def _bounds(row: Row, language: str) -> str:
    if row.lower is None or row.upper is None:
        return ""
    return f"{pages.number(row.lower, language)} – {pages.number(row.upper, language)}"


def _chart(rows: list[Row], lines: list[Line], title: str, description: str) -> str:
    items = [Bar(line.label, line.text, row.value, row.lower, row.upper) for row, line in zip(rows, lines, strict=True)]
    return pages.safe(bars(items, title=title, description=description))
