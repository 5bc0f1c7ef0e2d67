"""The commands about statistics: `telemed data prepare`, `telemed data list`."""

import asyncio
from typing import Annotated

import typer

from infra.settings import loaded

data = typer.Typer(help="Statistics of the record: drafts for the release board.", no_args_is_help=True)


@data.command(name="prepare")
def prepare(
    cohort: Annotated[str, typer.Option(help="Whose data sets: a folder of definitions that ships.")] = "kiel",
    period: Annotated[str, typer.Option(help="2026-Q3, 2026-M08, 2026-W45; without it, the last complete one.")] = "",
) -> None:
    """Build and audit the drafts of a cohort's data sets. Two members of the release board approve them in the console."""
    from rich.progress import Progress, TextColumn

    from telemed.releases.preparing import prepared

    with Progress(TextColumn("{task.description}"), TextColumn("{task.completed}"), transient=True) as bars:
        reading = bars.add_task("resources read", total=None)

        def tell(_: str, count: int) -> None:
            bars.advance(reading, count)

        found = asyncio.run(prepared(loaded(), cohort=cohort, period=period, progress=tell))
    for one in found:
        told = "waits for the board at /console/releases" if one.draft else f"is refused: {one.refused}"
        typer.echo(f"{one.entry.name} {told}")
    if all(one.draft is None for one in found):
        raise typer.Exit(1)


@data.command(name="list")
def list_all() -> None:
    """The drafts that wait and every decision so far."""
    from telemed.releases.preparing import listed

    for line in asyncio.run(listed(loaded())):
        typer.echo(line)
