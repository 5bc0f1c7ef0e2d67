"""The commands about statistics: `telemed data prepare`, `telemed data list`."""

import asyncio
from typing import Annotated

import typer

from infra.settings import loaded

data = typer.Typer(help="Statistics of the record: drafts for the release board.", no_args_is_help=True)


@data.command(name="prepare")
def prepare(
    quarter: Annotated[str, typer.Option(help="Such as 2026-Q3; without it, the last complete one.")] = "",
) -> None:
    """Build and audit the draft of a quarter. Two members of the release board approve it in the console."""
    from rich.progress import Progress, TextColumn

    from telemed.releases.preparing import prepared

    with Progress(TextColumn("{task.description}"), TextColumn("{task.completed}"), transient=True) as bars:
        tasks: dict[str, int] = {}

        def tell(step: str, count: int) -> None:
            if step not in tasks:
                tasks[step] = int(bars.add_task(step, total=None))
            bars.update(tasks[step], completed=count)  # type: ignore[arg-type]  # TaskID is an int

        draft = asyncio.run(prepared(loaded(), quarter=quarter, progress=tell))
    typer.echo(f"The draft of {draft.facts.slug} {draft.facts.release} waits for the board at /console/releases.")


@data.command(name="list")
def list_all() -> None:
    """The drafts that wait and every decision so far."""
    from telemed.releases.preparing import listed

    for line in asyncio.run(listed(loaded())):
        typer.echo(line)
