"""`python -m anonymise attack`: break published releases, if they can be broken."""

import json
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from anonymise.attack.folder import Folder, read_folder
from anonymise.attack.picture import picture
from anonymise.attack.presence import inhabitants
from anonymise.attack.report import as_json, show
from anonymise.attack.run import EXPLAIN, Attack, attack
from anonymise.commands.options import AsJson, ReportDir, written
from anonymise.inner_pages import report_files
from anonymise.inner_report import report_on_releases
from anonymise.manifest import verify
from anonymise.manifest_names import MANIFEST, PUBLIC_KEY
from anonymise.problems import InputInvalid, ReleaseDamaged
from anonymise.progress import shown

FOUND: Final = 3
"""Exit code when something was found; 1 is a problem with the input, 2 a wrong command."""

ABOUT: Final = "about.json"


def attack_releases(
    folders: Annotated[list[Path], typer.Argument(help="Releases, or folders that hold some.")],
    *,
    as_json_: AsJson = False,
    derive: Annotated[int, typer.Option(help="Findings of each search that are derived step by step.")] = EXPLAIN,
    population: Annotated[
        Path | None, typer.Option(help="Inhabitants: CSV with a dimension and persons; without it, those that ship.")
    ] = None,
    pictures: Annotated[Path | None, typer.Option(help="Folder for a picture (SVG) of each derived finding.")] = None,
    report: ReportDir = None,
) -> None:
    """Attack releases together, with nothing but their files and public totals. Exit code 3 if anything is found."""
    releases = releases_in(folders)
    public = inhabitants(population)
    with shown() as progress:
        found = attack(releases, population=public, explain=derive, progress=progress)
    console = Console()
    if as_json_:
        console.print_json(json.dumps(as_json(found)))
    else:
        show(found, console, derived=derive)
    if pictures is not None:
        draw(found, pictures)
    if report is not None:
        written(report, report_files(report_on_releases(releases, found)))
    if found.findings:
        raise typer.Exit(FOUND)


def releases_in(folders: list[Path]) -> list[Folder]:
    """The releases in some folders, each as it was signed where it is signed; sorted by name."""
    found = sorted({path.parent.resolve() for folder in folders for path in _abouts(folder)})
    for release in found:
        if (release / MANIFEST).exists():
            verify(release, key=_key_of(release, folders).read_bytes())
    return [read_folder(release) for release in found]


def _key_of(release: Path, folders: list[Path]) -> Path:
    """The public key beside a release; of one that was withdrawn and lies inside, that of the releases given with it."""
    beside = release.parent.parent / PUBLIC_KEY
    others = (path for folder in folders for path in sorted(folder.rglob(PUBLIC_KEY)))
    found = beside if beside.is_file() else next(others, None)
    if found is None:
        raise ReleaseDamaged(f"{release} is signed, but {beside} is missing: is it what was published?")
    return found


def draw(found: Attack, folder: Path) -> None:
    """Write a picture of each finding that has a derivation."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, finding in enumerate((f for f in found.findings if f.derivation), start=1):
        (folder / f"finding-{number:03}.svg").write_text(picture(finding), encoding="utf-8")


def _abouts(folder: Path) -> list[Path]:
    """The `about.json` of every release in a folder."""
    if not folder.is_dir():
        raise typer.BadParameter(f"there is no folder {folder}")
    found = [path for path in folder.rglob(ABOUT) if not any(p.startswith(".") for p in path.relative_to(folder).parts)]
    if not found:
        raise InputInvalid(f"{folder} holds no release: no {ABOUT} in it or below.")
    return found
