"""The inner report as a page, in plain German and English: what a draft is like, what was found, and how that follows."""

from collections.abc import Callable
from typing import Any, Final

from markupsafe import Markup

from anonymise import pages
from anonymise.attack.findings import EXPLAINED, Finding
from anonymise.attack.german import german
from anonymise.attack.picture import picture
from anonymise.inner_report import Bin, Coarsened, InnerReport, Loss
from anonymise.svg import Bar, Stack, bars, paleness, stacks

PAGE: Final = "report"
STYLE: Final = "style.css"


def report_files(report: InnerReport) -> dict[str, bytes]:
    """The pages and their style sheet by file name, to lie beside each other."""
    made = {pages.file_name(PAGE, language): report_page(report, language) for language in pages.LANGUAGES}
    return {**made, STYLE: pages.style_sheet()}


def report_page(report: InnerReport, language: str) -> bytes:
    """The page in `de` or `en`; its links name the files of `report_files`."""
    t = pages.texts(language)
    say = german if language == "de" else str
    return pages.render(
        "inner_report.html",
        language,
        root="",
        other_page=pages.file_name(PAGE, "en" if language == "de" else "de"),
        report=report,
        title=report.head.title.of(language) if report.head else t.inner_releases,
        number=lambda value: pages.number(value, language),
        share=lambda value: _share(value, language),
        say=say,
        sizes=[
            (each, _bars(each.blocks, each.name, language), _bars(each.groups, each.name, language))
            for each in report.sizes
        ],
        coarsened=[_Coarse(each, language) for each in report.coarsened],
        tables=[(each.title.of(language), each) for each in report.tables],
        losses=_losses(report.tables, language),
        outcomes=[
            (
                getattr(t, f"inner_kind_{kind}"),
                report.attacked.outcomes.get(kind, 0),
                t.inner_done if kind == "undecided" else t.inner_withstood,
            )
            for kind in EXPLAINED
        ],
        findings=[_told(each, language, say) for each in report.attacked.findings],
    )


def size_class(each: Bin) -> str:
    """A class of sizes in figures."""
    return f"{each.low}–{each.high}" if each.high is not None else f"≥ {each.low}"


def _share(value: float, language: str) -> str:
    text = pages.number(round(value * 100, 1), language)
    return f"{text} %" if language == "de" else f"{text}%"


def _bars(bins: tuple[Bin, ...], name: str, language: str) -> Markup:
    t = pages.texts(language)
    items = [
        Bar(t.inner_sets_of.format(size_class(each), pages.number(each.persons, language)), str(each.sets), each.sets)
        for each in bins
    ]
    return pages.safe(bars(items, title=name, description=t.inner_sizes_text)) if bins else Markup()


class _Coarse:
    """A coarsened dimension as the page shows it: legend, picture, and per place the shares of persons at each level."""

    def __init__(self, found: Coarsened, language: str) -> None:
        t = pages.texts(language)
        self.title = found.title.of(language)
        self.levels = [t.inner_all if level == "all" else level for level in found.levels]
        self.legend = [(level, paleness(n, len(self.levels))) for n, level in enumerate(self.levels)]
        rows = [(t.inner_everybody, found.persons)]
        rows += [(t.inner_across if p.code == "*" else p.name.of(language), p.persons) for p in found.places]
        self.rows = [(name, sum(persons), [n / max(sum(persons), 1) for n in persons]) for name, persons in rows]
        items = [Stack(name, tuple(shares)) for name, _, shares in self.rows]
        self.picture = pages.safe(stacks(items, title=self.title, description=t.inner_coarse_text))


def _losses(tables: tuple[Loss, ...], language: str) -> Markup:
    t = pages.texts(language)
    items = [
        Bar(
            each.title.of(language),
            _share(each.misplaced + each.persons_lost, language),
            each.misplaced + each.persons_lost,
        )
        for each in tables
    ]
    return pages.safe(bars(items, title=t.inner_tables, description=t.inner_losses_text)) if tables else Markup()


def _told(finding: Finding, language: str, say: Callable[[str], str]) -> dict[str, Any]:
    """A finding in words, step by step, with its picture where it has steps."""
    shown = picture(finding, say=say) if finding.derivation else ""
    return {
        "kind": getattr(pages.texts(language), f"inner_kind_{finding.kind}"),
        "what": say(finding.what),
        "certain": say(finding.certain),
        "limit": say(finding.limit),
        "releases": ", ".join(finding.releases),
        "steps": [(step.sign < 0, say(step.where), say(step.about), say(step.says)) for step in finding.derivation],
        "conclusion": say(finding.conclusion),
        "picture": pages.safe(shown),
    }
