"""Every table carries what was withdrawn before it was issued; what came later stands beside it on the portal."""

import json
from pathlib import Path

import httpx
import pytest

from anonymise import portal, synthetic
from anonymise.about import Revision, read
from anonymise.definition import shipped
from anonymise.periods import Quarter
from anonymise.pipeline import Shelf, withdraw_release
from anonymise.problems import InputInvalid
from anonymise.register_lines import CAUSES, Decision
from anonymise.release import Release
from anonymise.revisions import revisions_of
from anonymise.withdrawals import Withdrawal
from tests.anonymise.builders import BASE_URL, NOW, QUARTER, definition, publish_persons, shelf

SLUG, OTHER = "reasons-for-encounter", "waiting-times"
EARLIER = Quarter(2026, 2)


def published(place: Shelf, slug: str = SLUG, quarter: Quarter = QUARTER) -> Release:
    wanted = definition() if slug == SLUG else shipped(slug)
    return publish_persons(synthetic.persons(900, 1), place, definition=wanted, quarter=quarter, now=NOW)


def withdrawn(place: Shelf, release: Release, cause: str = "error") -> None:
    withdraw_release(place, Withdrawal(release.slug, release.name, NOW, "A sum was wrong.", cause))


def test_a_table_whose_like_stands_carries_an_empty_list(tmp_path: Path) -> None:
    release = published(shelf(tmp_path))

    cube = json.loads((release.folder / f"{SLUG}.jsonstat.json").read_bytes())
    assert read(release.folder).revisions == ()
    assert cube["extension"]["revisions"] == []
    assert "nothing was withdrawn" in (release.folder / "audit.en.html").read_text()


def test_what_was_withdrawn_of_its_series_and_of_its_persons_is_listed_with_day_and_class(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    withdrawn(place, published(place, quarter=EARLIER))
    withdrawn(place, published(place, OTHER), "protection")
    withdrawn(place, published(place, OTHER, EARLIER))

    release = published(place)

    about = read(release.folder)
    assert about.revisions == (
        Revision("2026-11-23", SLUG, "2026-Q2", "withdrawn", "error"),
        Revision("2026-11-23", OTHER, "2026-Q3", "withdrawn", "protection"),
    )
    cube = json.loads((release.folder / f"{SLUG}.jsonstat.json").read_bytes())
    assert [one["release"] for one in cube["extension"]["revisions"]] == ["2026-Q2", "2026-Q3"]
    for page in ("audit.en.html", "index.en.html", "csv-metadata.json"):
        assert f"2026-11-23: {SLUG}, 2026-Q2 (something in it was wrong)" in (release.folder / page).read_text()
    assert "2026-Q2 (etwas daran war falsch)" in (release.folder / "audit.html").read_text()


async def test_what_is_withdrawn_later_stands_on_the_page_of_the_data_set(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    first, _ = published(place, quarter=EARLIER), published(place)
    withdrawn(place, first, "law")

    transport = httpx.ASGITransport(portal.app(place.releases_dir, base_url=BASE_URL))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        page = await client.get(f"/datasets/{SLUG}?lang=en")

    assert "2026-Q2, 2026-11-23: A sum was wrong. (a law or an order)" in page.text


def test_a_class_that_there_is_not_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    place = shelf(tmp_path)
    release = published(place)

    with pytest.raises(InputInvalid, match="error, protection, law, other"):
        withdrawn(place, release, "mood")

    assert (release.folder / f"{SLUG}.csv").is_file()


def test_a_line_of_before_there_were_classes_is_told_as_another_reason() -> None:
    line = Decision("2026-10-01T08:00:00+00:00", SLUG, "2026-Q1", "withdrawn", 10, "")

    [found] = revisions_of(SLUG, beside=(), decided=[line])

    assert found.cause == "other" and found.cause in CAUSES
