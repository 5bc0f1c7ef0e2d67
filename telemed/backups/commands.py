"""The commands `telemed backup` and `telemed restore`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from infra.settings import loaded

File = Annotated[Path, typer.Argument(help="The backup.")]


def backup(file: File) -> None:
    """Write the database as it is at one moment into a file, while the service runs; keys are not in it."""
    from telemed.backups import service

    asyncio.run(service.back_up(loaded(), file))
    typer.echo(f"{file} holds the database. Keep it apart from the keys; without them it can't be read.")


def restore(
    file: File,
    *,
    replace: Annotated[bool, typer.Option("--replace", help="Lose what the database holds now.")] = False,
    without_list: Annotated[
        bool, typer.Option("--without-list", help="Whoever was erased since may come back: the list of it is lost.")
    ] = False,
) -> None:
    """Put a backup back while the service is stopped; what was erased since stays erased."""
    from telemed.backups import service

    restored = asyncio.run(service.restore(loaded(), file, over=replace, without_list=without_list))
    counts = f"{restored.whole.resources} resources of {restored.whole.patients} patients"
    typer.echo(f"Restored {counts}, each patient opens; {restored.erased_again} records were erased again.")
