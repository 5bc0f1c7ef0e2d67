"""Imports point down only, and only fhir/ knows the model library."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT, copy_packages, parsed, sources
from tests.fixtures.processes import scrubbed

LIBRARY = "fhir.resources"
# Tests of the record may look at the library that the record is checked with.
MAY_IMPORT_LIBRARY = ("fhir", "tests/fhir", "tests/architecture")
# Not ours: the benchmark's peer, an app of another framework that runs in a virtual environment of its own.
PEER = "tests/bench/fhirstarter_app.py"


def _contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=folder, env=scrubbed(), capture_output=True, text=True, check=False)


def _library_imports(root: Path, *folders: str) -> list[str]:
    """`file:line` of each import of the model library outside the places that may."""
    found = []
    for path in sources(root, *folders):
        place = path.relative_to(root).as_posix()
        if place == PEER or place.startswith(tuple(f"{allowed}/" for allowed in MAY_IMPORT_LIBRARY)):
            continue
        found += [f"{place}:{line}" for line in _lines_importing_library(parsed(path))]
    return found


def _lines_importing_library(tree: ast.Module) -> list[int]:
    lines = []
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names, level=0):
                modules = [module, *(f"{module}.{alias.name}" for alias in names)]
            case ast.Call(args=[ast.Constant(value=str(name)), *_]):
                modules = [name]  # importlib.import_module("...")
            case _:
                continue
        if any(module == LIBRARY or module.startswith(f"{LIBRARY}.") for module in modules):
            lines.append(node.lineno)
    return lines


def test_every_import_contract_holds() -> None:
    result = _contracts(ROOT)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("file", "imported", "contract"),
    [
        ("infra/seeded.py", "telemed", "Imports point down only BROKEN"),
        ("fhir/seeded.py", "anonymise", "Imports point down only BROKEN"),
        ("anonymise/seeded.py", "video", "Imports point down only BROKEN"),
        ("video/seeded.py", "fhir.codec", "video knows nothing of FHIR BROKEN"),
        ("anonymise/seeded.py", "fhir.store", "anonymise reaches the record through fhir.reader alone BROKEN"),
        ("anonymise/portal/seeded.py", "infra.settings", "imports nothing of ours outside anonymise BROKEN"),
        ("telemed/console/seeded.py", "telemed.demo.names", "Nothing needs the demo but its own command BROKEN"),
    ],
)
def test_an_import_that_points_up_is_named(tmp_path: Path, file: str, imported: str, contract: str) -> None:
    tree = copy_packages(tmp_path)
    (tree / file).write_text(f"import {imported}\n")

    result = _contracts(tree)

    assert result.returncode == 1
    assert contract in result.stdout
    assert f"{file.removesuffix('.py').replace('/', '.')} -> {imported}" in result.stdout


def test_only_the_record_imports_the_model_library() -> None:
    assert _library_imports(ROOT) == []


@pytest.mark.parametrize(
    "line",
    [
        "import fhir.resources.R4B.patient",
        "from fhir.resources.R4B import patient",
        "from fhir import resources",
        "import importlib; importlib.import_module('fhir.resources.R4B')",
    ],
)
def test_an_import_of_the_model_library_elsewhere_is_named(tmp_path: Path, line: str) -> None:
    tree = copy_packages(tmp_path)
    (tree / "telemed" / "seeded.py").write_text(f'"""Seeded."""\n\n{line}\n')

    assert _library_imports(tree, *PACKAGES) == ["telemed/seeded.py:3"]
