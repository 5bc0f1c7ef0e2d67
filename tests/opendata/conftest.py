"""One published pair of quarters for all tests of what the public gets."""

from pathlib import Path

import pytest

from anonymise import synthetic
from anonymise.periods import Quarter
from anonymise.release import Release
from tests.anonymise.builders import NOW, definition, publish_persons, shelf


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[Release]:
    """Two releases of one data set, in one folder."""
    place = shelf(tmp_path_factory.mktemp("opendata"))
    quarters = [Quarter(2026, 2), Quarter(2026, 3)]
    return [
        publish_persons(synthetic.persons(1500 + n, seed=n), place, definition=definition(), quarter=quarter, now=NOW)
        for n, quarter in enumerate(quarters)
    ]


@pytest.fixture(scope="session")
def releases_dir(releases: list[Release]) -> Path:
    """The folder that the portal serves."""
    return releases[0].folder.parent.parent
