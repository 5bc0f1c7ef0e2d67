"""What a document points at is there: tests, files, links, pictures."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT, parsed, sources
from tests.docs.manuals import anchors, documents, links, prose, spans

TEST_PATH = re.compile(r"^(tests/[\w/.-]+?)(?:::(\w+))?$")
TEST_FILE = re.compile(r"^test_\w+\.py$")
TEST_NAME = re.compile(r"^test_\w+$")
OUR_FILE = re.compile(r"^[\w-]+(?:/[\w.-]+)*\.(?:py|js|toml|css|html)$")
LARGEST_PICTURE = 150_000
SHOWN = [path.relative_to(ROOT).as_posix() for path in documents()]


@cache
def test_names() -> frozenset[str]:
    """The names of all test functions."""
    trees = (parsed(path) for path in sources(ROOT, "tests"))
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, functions))


@cache
def test_files() -> frozenset[str]:
    """The names of all test files."""
    return frozenset(path.name for path in sources(ROOT, "tests"))


test_names.__test__ = test_files.__test__ = False  # type: ignore[attr-defined]  # pytest would take them for tests


def dead_tests(text: str) -> set[str]:
    """Quoted tests that do not exist: paths, files, names."""
    dead = set()
    for span in spans(text):
        if match := TEST_PATH.match(span):
            path, name = match.groups()
            gone = not (ROOT / path).exists() or bool(name and name not in test_names())
        elif TEST_FILE.match(span):
            gone = span not in test_files()
        else:
            gone = bool(TEST_NAME.match(span)) and span not in test_names()
        if gone:
            dead.add(span)
    return dead


def dead_files(document: Path, text: str) -> set[str]:
    """Quoted source files that are neither beside the document nor anywhere in its package."""
    home = document.parent
    places = [home, *(ROOT / package for package in (*PACKAGES, "tests"))]
    dead = set()
    for span in spans(text):
        if OUR_FILE.match(span) and not TEST_FILE.match(span):
            inside = home != ROOT and any(path.as_posix().endswith(f"/{span}") for path in home.rglob("*"))
            if not inside and not any((place / span).exists() for place in (ROOT, *places)):
                dead.add(span)
    return dead


def dead_links(document: Path, text: str) -> set[str]:
    """Links and pictures that lead nowhere in the repository."""
    dead = set()
    for link in links(text):
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        is_there = target.exists() and target.is_relative_to(ROOT)
        if not is_there or (anchor and anchor not in anchors(text if target == document else target.read_text())):
            dead.add(link)
    return dead


@pytest.mark.parametrize("name", SHOWN)
def test_every_test_that_is_quoted_exists(name: str) -> None:
    assert dead_tests((ROOT / name).read_text()) == set()


@pytest.mark.parametrize("name", SHOWN)
def test_every_file_that_is_quoted_exists(name: str) -> None:
    assert dead_files(ROOT / name, (ROOT / name).read_text()) == set()


@pytest.mark.parametrize("name", SHOWN)
def test_every_link_and_picture_leads_somewhere(name: str) -> None:
    assert dead_links(ROOT / name, (ROOT / name).read_text()) == set()


def test_pictures_are_small_and_shown() -> None:
    pictures = sorted((ROOT / "infra/pictures").iterdir())
    text = (ROOT / "README.md").read_text()

    assert [p.name for p in pictures if p.stat().st_size >= LARGEST_PICTURE] == []
    assert [p.name for p in pictures if f"infra/pictures/{p.name}" not in text] == []


def test_every_feature_in_the_readme_names_a_test() -> None:
    text = prose((ROOT / "README.md").read_text()).split("\n## What it does\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]

    assert [row for row in rows if not any(TEST_PATH.match(span) for span in spans(row.split("|")[2]))] == []


def test_dead_quotations_are_named() -> None:
    text = "`tests/gone`, `tests/docs/test_gone.py::x`, `test_gone.py`, `test_that_is_gone`, `tests/docs`, `gone/a.py`"

    assert dead_tests(text) == {"tests/gone", "tests/docs/test_gone.py::x", "test_gone.py", "test_that_is_gone"}
    assert dead_files(ROOT / "fhir/README.md", text) == {"gone/a.py"}


def test_dead_links_are_named() -> None:
    text = '# Here\n[a](gone.md) [b](#here) [c](#there) [d](https://example.org) <img src="infra/pictures/gone.png">'

    assert dead_links(ROOT / "README.md", text) == {"gone.md", "#there", "infra/pictures/gone.png"}
