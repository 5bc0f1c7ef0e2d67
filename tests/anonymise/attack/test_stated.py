"""The public report and the coverage are read by the attack: no figure may say more than the other files."""

import json
from pathlib import Path
from typing import Any

import pytest

from anonymise import synthetic
from anonymise.attack.folder import folder_of
from anonymise.attack.run import attack
from anonymise.build import build
from anonymise.problems import InputInvalid
from anonymise.release import compose
from tests.anonymise.builders import BASE_URL, NOW, QUARTER, definition


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """The files of a release that withstands."""
    built = build(synthetic.persons(900, seed=1), definition())
    return compose(built, definition(), quarter=QUARTER, issued=NOW, base_url=BASE_URL)


def found(files: dict[str, bytes]) -> list[tuple[str, str]]:
    return [(f.kind, f.what) for f in attack([folder_of(files, Path("x"))]).findings]


def changed(files: dict[str, bytes], name: str, *path: str, to: Any) -> dict[str, bytes]:
    """The files with one value of a JSON file changed or added."""
    document = json.loads(files[name])
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return {**files, name: json.dumps(document).encode()}


def test_a_report_that_follows_from_the_files_tells_nothing(files: dict[str, bytes]) -> None:
    assert found(files) == []


@pytest.mark.parametrize(
    ("path", "to", "what"),
    [
        (("blocks", "smallest"), 9, "blocks.smallest"),
        (("rows", "withheld"), 0, "rows.withheld"),
        (("because",), "Kiel had 3 persons", "because"),
        (("rows", "of_which_small"), 4, "rows.of_which_small"),
    ],
)
def test_a_figure_that_no_file_says_is_found(
    files: dict[str, bytes], path: tuple[str, ...], to: object, what: str
) -> None:
    assert found(changed(files, "audit.json", *path, to=to)) == [("more", what)]


def test_a_share_finer_than_the_scale_is_found(files: dict[str, bytes]) -> None:
    fine = changed(files, "about.json", "coverage", "known", "chapter", to=0.987)

    assert found(fine) == [("more", "coverage.known.chapter")]
    assert found(changed(files, "about.json", "coverage", "permitted", to=0.333)) == [("more", "coverage.permitted")]


def test_a_release_without_a_report_is_attacked_all_the_same(files: dict[str, bytes]) -> None:
    assert found({name: content for name, content in files.items() if name != "audit.json"}) == []


def test_a_report_that_is_cut_off_is_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(InputInvalid, match=r"audit\.json"):
        folder_of({**files, "audit.json": files["audit.json"][:20]}, Path("x"))
