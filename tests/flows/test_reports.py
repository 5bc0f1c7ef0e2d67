"""The pages of reports and releases: nothing serious for axe, nothing wider than a phone, light and dark."""

from pathlib import Path

import pytest

from anonymise import synthetic
from anonymise.attack.run import attack
from anonymise.definition import shipped
from anonymise.inner_pages import report_files
from anonymise.inner_report import report_on_releases
from anonymise.pipeline import Work, prepare
from tests.anonymise.attack.folders import release
from tests.anonymise.builders import BUILDER, NOW, QUARTER, shelf
from tests.fixtures.axe import Axe
from tests.fixtures.browsers import Browsers
from tests.fixtures.participants import Participants

WIDER = "() => document.documentElement.scrollWidth > innerWidth"
PAGES = ("report.html", "report.en.html", "found.html", "index.html", "audit.html", "audit.en.html")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The pages of a draft, its report, and that of something broken."""
    place = shelf(tmp_path)
    draft = prepare(synthetic.persons(900, seed=1), place, work=Work(shipped(), QUARTER, NOW, BUILDER))
    said = [("*", "*", "*", 70), ("a", "*", "*", 52), ("a", "young", "*", 46), ("a", "old", "*", "", "c")]
    broken = release(*said)
    found = report_files(report_on_releases([broken], attack([broken])))
    made = {**draft.files, **report_files(place.reports.read(draft.facts.slug, draft.facts.release))}
    for name, content in {**made, "found.html": found["report.html"]}.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


async def test_reports_can_be_read_by_everybody(folder: Path, browsers: Browsers, participants: Participants) -> None:
    axe = Axe.ready(participants)
    page = await (await browsers.chromium()).new_page(viewport={"width": 390, "height": 800})

    found: list[str] = []
    for name in PAGES:
        await page.goto((folder / name).as_uri())
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            found += [f"{name} {scheme}: {line}" for line in await axe.serious(page)]
        if await page.evaluate(WIDER):
            found.append(f"{name} is wider than a phone")

    assert found == []
