"""What the demo prints when it is ready."""

from pathlib import Path

import pytest

from telemed.demo.doors import command


def test_what_can_be_tried_names_the_demos_folder_where_it_is_not_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert command(tmp_path / "var/demo") == ".venv/bin/telemed try"
    assert command(Path("/srv/a demo")) == "DEMO_DIR='/srv/a demo' .venv/bin/telemed try"
