"""The source tree as the architecture tests see it: the files, and copies to break rules in."""

import ast
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("telemed", "anonymise", "video", "fhir", "infra")


def sources(root: Path, *folders: str) -> Iterator[Path]:
    """The Python files below these folders, all packages and tests if none is named."""
    for folder in folders or (*PACKAGES, "tests"):
        yield from sorted((root / folder).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file, read once."""
    return ast.parse(path.read_text())


def copy_packages(target: Path) -> Path:
    """A copy of what is installed, for a test to break or build."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, target / file)
    return target
