"""The pages inside a release folder: numbers with charts, method, codebook; each in German and English."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from anonymise import pages
from anonymise.about import About, Coverage
from anonymise.attack.findings import EXPLAINED
from anonymise.blocks import OTHER, PART
from anonymise.hierarchy import ALL, TOP, UNKNOWN
from anonymise.public_report import Stated
from anonymise.rows import ESTIMATE, PLACE, WITHHELD, Row, Table
from anonymise.svg import Bar, bars

MEASURE: Final = "measure"
WIDE: Final = 20
"""Places of so many municipalities stand above the fold: the districts."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table on a page."""

    code: str
    label: str
    text: str
    bounds: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart of one dimension and the same as a table."""

    title: str
    description: str
    lines: tuple[Line, ...]
    chart: str


def release_pages(table: Table, about: About, stated: Stated) -> dict[str, bytes]:
    """The pages by file name."""
    made = {}
    for language in pages.LANGUAGES:
        made[pages.file_name("index", language)] = _index(table, about, language)
        made[pages.file_name("audit", language)] = _audit(about, stated, language)
        made[pages.file_name("method", language)] = _page(f"method_{language}.html", "method", about, language)
        made[pages.file_name("codebook", language)] = _page(
            "codebook.html",
            "codebook",
            about,
            language,
            columns=columns(table, about, language),
            codelists=[(d.title.of(language), codelist(table, d.name, language)) for d in about.dimensions],
        )
    return made


def columns(table: Table, about: About, language: str) -> list[tuple[str, str]]:
    """The columns of the table and what each means."""
    t = pages.texts(language)
    described = [(d.name, d.description.of(language)) for d in about.dimensions]
    if MEASURE in table.dimensions:
        described.append((MEASURE, t.col_measure))
    tail = [("value", t.col_value), ("flag", t.col_flag), ("lower", t.col_lower), ("upper", t.col_upper)]
    return [("period", t.col_period), *described, *tail]


def codelist(table: Table, dimension: str, language: str) -> list[tuple[str, str]]:
    """The codes of a dimension that the rows use, and their labels."""
    place = table.dimensions.index(dimension)
    used = sorted({row.keys[place] for row in table.rows})
    return [(code, label(table, dimension, code, language)) for code in used]


def label(table: Table, dimension: str, code: str, language: str) -> str:
    """What a code means, for people: its title, else the code itself, a range with a dash."""
    if code == ALL:
        return "alle" if language == "de" else "all"
    title = table.titles.get(dimension, {}).get(code)
    if title is not None:
        return title.de if language == "de" else title.en
    node, _, part = code.partition(PART)
    if part:
        part_of = pages.texts(language).part_of
        return str(part_of.format(name=label(table, dimension, ALL if node == "all" else node, language), number=part))
    if code == OTHER:
        return "übrige" if language == "de" else "others"
    if code == UNKNOWN:
        return "ohne Angabe" if language == "de" else "not stated"
    return code.replace("-", "–") if code[:1].isdigit() else code


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
        ladder=coarse(about, language),
        revised=revised(about, language),
        **values,
    )


def revised(about: About, language: str) -> str:
    """What was withdrawn until the release was issued, in a sentence."""
    t = pages.texts(language)
    told = "; ".join(
        f"{one.date}: {one.dataset}, {one.release} ({getattr(t, f'cause_{one.cause}')})" for one in about.revisions
    )
    return f"{t.revisions_some} {told}." if told else str(t.revisions_none)


def coarse(about: About, language: str) -> str:
    """How coarse categories are told, and which steps did not withstand; empty without categories to tell."""
    t = pages.texts(language)
    if not about.ladder:
        return ""
    *before, taken = about.ladder
    if taken.finest == TOP:
        return str(t.ladder_bare)
    failed = "; ".join(f"{step.finest}, {_share(step.share_limit, language)}" for step in before) or "–"
    return str(t.ladder_text.format(taken.finest, _share(taken.share_limit, language), failed))


def _index(table: Table, about: About, language: str) -> bytes:
    """The page of the numbers: the dimension that is shown for groups, one more, and the places."""
    names = [d.name for d in about.dimensions]
    rows = table.persons()
    charts = [_figure(table, about, name, language) for name in reversed(names) if name != PLACE][:2]
    totals = [row for row in rows if row.keys[0] != ALL and set(row.keys[1:]) == {ALL}] if names[0] == PLACE else []
    sizes = {row.keys[0]: len(table.areas[row.keys[0]]) for row in totals}
    wide = [row for row in totals if sizes[row.keys[0]] >= WIDE] or totals
    return _page(
        "release.html",
        "index",
        about,
        language,
        charts=[chart for chart in charts if chart.lines],
        place=names[0] == PLACE,
        places=sum(1 for code in table.holds.get(PLACE, {}) if len(table.holds[PLACE][code]) == 1),
        districts=_lines(table, PLACE, wide, language),
        areas=_lines(table, PLACE, [row for row in totals if row not in wide], language),
        cover=covered(about, language),
    )


def _audit(about: About, stated: Stated, language: str) -> bytes:
    """The public report: what every release has withstood, and what can be counted in its files."""
    t = pages.texts(language)
    sets = [(t.audit_blocks, stated.blocks), (t.audit_groups, stated.groups)]
    return _page(
        "audit.html",
        "audit",
        about,
        language,
        withstood=[getattr(t, f"inner_kind_{kind}") for kind in EXPLAINED],
        sets=[(words, each) for words, each in sets if each.number],
        rows=stated.rows,
        cover=covered(about, language),
    )


def covered(about: About, language: str) -> list[tuple[str, str]]:
    """What the release says of its coverage, in words and figures; what is not told is left out."""
    t, found = pages.texts(language), about.coverage or Coverage()
    lines: list[tuple[str, str | None]] = [
        (t.cover_population.format(found.vintage), _share(found.population, language)),
        (t.cover_stated, _share(found.stated, language)),
        (
            t.cover_permitted if about.legal_basis == "consent" else t.cover_not_objected,
            _least(found.permitted, language),
        ),
        (t.cover_clinics, None if not found.clinics else t.cover_of.format(found.reporting, found.clinics)),
    ]
    lines += [
        (t.cover_known.format(d.title.of(language)), _least(found.known[d.name], language))
        for d in about.dimensions
        if d.name in found.known
    ]
    return [(words, figure) for words, figure in lines if figure is not None]


def _share(share: float | None, language: str) -> str | None:
    if share is None:
        return None
    percent = round(share * 100, 1)
    text = pages.number(int(percent) if percent.is_integer() else percent, language)
    return f"{text} %" if language == "de" else f"{text}%"


def _least(share: float | None, language: str) -> str | None:
    t = pages.texts(language)
    if share is None or share == 1:
        return None if share is None else str(t.cover_all)
    return str(t.cover_least.format(_share(share, language)))


def _figure(table: Table, about: About, dimension: str, language: str) -> Figure:
    """The persons of everybody by one dimension: frequent first where its values have no order, what is withheld last."""
    place = table.dimensions.index(dimension)
    found = [
        row
        for row in table.persons()
        if row.keys[place] not in (ALL, OTHER) and set(row.keys[:place] + row.keys[place + 1 :]) <= {ALL}
    ]
    described = next(d for d in about.dimensions if d.name == dimension)
    if described.role != "identifying":
        found.sort(key=lambda row: -(row.value or 0))
    lines = _lines(table, dimension, found, language)
    title, words = described.title.of(language), described.description.of(language)
    return Figure(title, words, tuple(lines), _chart(found, lines, title, words))


def _lines(table: Table, dimension: str, rows: list[Row], language: str) -> list[Line]:
    return list(_each_line(table, dimension, rows, language))


def _each_line(table: Table, dimension: str, rows: list[Row], language: str) -> Iterator[Line]:
    for row in rows:
        code = row.keys[table.dimensions.index(dimension)]
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
