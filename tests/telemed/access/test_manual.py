"""The manual shows the access table that is in force."""

from pathlib import Path

import pytest

from telemed.access import manual

README = Path(__file__).parents[3] / "telemed" / "README.md"


SHOWN = {
    "table": manual.table(),
    "groups": manual.groups(),
    "reaches": manual.reaches(),
    "consents": manual.consents(),
}


@pytest.mark.parametrize(("name", "content"), SHOWN.items())
def test_the_readme_shows_the_access_table_in_force(name: str, content: str) -> None:
    shown = README.read_text().split(f"<!-- access {name} -->\n")[1].split("\n<!-- end -->")[0]

    assert shown == content
