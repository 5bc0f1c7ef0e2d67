"""Our `fhir` and the library's `fhir.resources` share an import name; both are found however we are installed."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT, copy_packages
from tests.fixtures.processes import scrubbed

SIDE_BY_SIDE = "import fhir.store, fhir.resources.R4B.patient as library; print(fhir.store.__file__, library.__file__)"

# What is read from beside the code when it is first asked for, and not when the module is loaded.
READ_LATER = "from fhir.search.everything import _compartment; print(len(_compartment()))"


def _run(*command: str | Path, cwd: Path) -> str:
    result = subprocess.run(command, cwd=cwd, env=scrubbed(), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def _site(environment: Path) -> Path:
    return next((environment / "lib").glob("python3*")) / "site-packages"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A fresh environment that holds the model library itself and borrows everything else from ours."""
    folder = tmp_path / "environment"
    _run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=tmp_path)
    ours = _site(Path(sys.prefix))
    (_site(folder) / "borrowed.pth").write_text(f"{ours}\n")
    library = _site(folder) / "fhir"
    library.mkdir()
    (library / "__init__.py").write_bytes(b"")  # as the library ships it
    (library / "resources").symlink_to(ours / "fhir" / "resources")
    return folder


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout to build in."""
    return copy_packages(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="session")
def wheel(checkout: Path) -> Path:
    """The built wheel."""
    options = ["--wheel", "--quiet", "--offline", "--no-build-isolation", "--python", sys.executable]
    _run(sys.executable, "-m", "uv", "build", *options, "--out-dir", checkout / "dist", checkout, cwd=checkout)
    return next((checkout / "dist").glob("*.whl"))


def _install(environment: Path, *what: str | Path) -> None:
    options = ["--quiet", "--offline", "--no-deps", "--no-build-isolation", "--python", f"{environment}/bin/python"]
    _run(sys.executable, "-m", "uv", "pip", "install", *options, *what, cwd=environment)


def test_both_are_found_in_the_checkout() -> None:
    ours, library = _run(sys.executable, "-c", SIDE_BY_SIDE, cwd=ROOT).split()

    assert Path(ours) == ROOT / "fhir" / "store.py"
    assert "site-packages" in library


def test_both_are_found_in_an_editable_install(environment: Path, checkout: Path) -> None:
    _install(environment, "--editable", checkout)

    ours, library = _run(environment / "bin" / "python", "-I", "-c", SIDE_BY_SIDE, cwd=environment).split()

    assert Path(ours) == checkout / "fhir" / "store.py"
    assert Path(library).is_relative_to(_site(environment))
    assert int(_run(environment / "bin" / "python", "-I", "-c", READ_LATER, cwd=environment)) > 20


def test_no_file_is_looked_for_in_the_name_that_the_library_shares() -> None:
    # In an installation `files("fhir")` is the library's folder; a package inside of ours is ours alone.
    shared = [
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if 'files("fhir")' in path.read_text(encoding="utf-8")
    ]

    assert shared == []


def test_both_are_found_when_installed_from_the_wheel(environment: Path, wheel: Path) -> None:
    _install(environment, wheel)

    ours, library = _run(environment / "bin" / "python", "-I", "-c", SIDE_BY_SIDE, cwd=environment).split()

    assert Path(ours) == _site(environment) / "fhir" / "store.py"
    assert Path(library).is_relative_to(_site(environment))


def test_both_are_found_when_the_library_is_installed_after_us(environment: Path, wheel: Path) -> None:
    _install(environment, wheel)
    (_site(environment) / "fhir" / "__init__.py").write_bytes(b"")

    ours, _library = _run(environment / "bin" / "python", "-I", "-c", SIDE_BY_SIDE, cwd=environment).split()

    assert Path(ours) == _site(environment) / "fhir" / "store.py"


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path, checkout: Path) -> None:
    checked_out = {
        path.relative_to(checkout).as_posix()
        for package in PACKAGES
        for path in (checkout / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }

    assert checked_out - set(zipfile.ZipFile(wheel).namelist()) == set()
