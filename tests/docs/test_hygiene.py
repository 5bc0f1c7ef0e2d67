"""No file names a machine or a registry, and the change log can take the next line."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT

# Written so that this file does not find itself.
FORBIDDEN = (
    re.compile(r"/wor[k]/|/hom[e]/\w|/User[s]/\w|/roo[t]/"),
    re.compile(r"py[p]i\.org|python[h]osted\.org|npm[j]s\.(?:org|com)|registry[-.]\w+\.(?:io|org|com)|proxy\.go[l]ang"),
    re.compile(r"(?:extra-)?inde[x]-url|--fin[d]-links|truste[d]-host"),
)
TOP = ("*.md", "*.toml", "*.txt", "Makefile", ".gitignore", ".ci/*")
SKIPPED = re.compile(r"__pycache__|\.egg-info|\.(?:png|gz|parquet|pem)$")
KINDS = ("Breaking", "Added", "Changed", "Fixed")


def files(root: Path) -> Iterator[Path]:
    """The files of the repository that hold text."""
    found = [path for pattern in TOP for path in root.glob(pattern)]
    found += [path for folder in (*PACKAGES, "tests") for path in (root / folder).rglob("*")]
    yield from (path for path in found if path.is_file() and not SKIPPED.search(path.as_posix()))


def naming(root: Path) -> set[str]:
    """`file: what it names` of each machine path and registry."""
    found = set()
    for path in files(root):
        text = path.read_text(errors="replace")
        found |= {f"{path.relative_to(root)}: {hit.group()}" for rule in FORBIDDEN for hit in rule.finditer(text)}
    return found


def faults(log: str) -> list[str]:
    """What is wrong with the change log."""
    versions = re.findall(r"^## (.+)$", log, re.MULTILINE)
    if versions[:1] != ["UNRELEASED"]:
        return ["the first version is not UNRELEASED"]
    kinds = re.findall(r"^### (.+)$", log.split("\n## ")[1], re.MULTILINE)
    if kinds != [kind for kind in KINDS if kind in kinds]:
        return [f"the kinds of change are not {', '.join(KINDS)} in this order"]
    return []


def test_no_file_names_a_machine_or_a_registry() -> None:
    assert naming(ROOT) == set()


def test_the_change_log_has_room_for_the_next_line() -> None:
    assert faults((ROOT / "CHANGELOG.md").read_text()) == []


def test_a_named_machine_or_registry_is_found(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "cd /wor" + "k/here; pip install --inde" + "x-url https://py" + "pi.org/simple x"
    )

    assert {hit.split(": ")[1] for hit in naming(tmp_path)} == {"/wor" + "k/", "inde" + "x-url", "py" + "pi.org"}


@pytest.mark.parametrize(
    "log", ["# Changelog\n\n## 0.1.0\n", "# Changelog\n\n## UNRELEASED\n\n### Added\n\n### Breaking\n"]
)
def test_a_change_log_out_of_order_is_named(log: str) -> None:
    assert len(faults(log)) == 1
