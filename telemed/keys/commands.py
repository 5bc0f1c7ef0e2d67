"""The commands about keys: `telemed keys status`, `rotate`, `rewrap`, `shred`."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from infra.problems import Problem
from infra.settings import loaded

if TYPE_CHECKING:
    from infra.vault.rewrap import Rewrapped

keys = typer.Typer(help="The keys that the record is sealed with, and erasure.", no_args_is_help=True)


class OneKeyAtATime(Problem):
    """Name a patient or a clinic, not both."""


@keys.command(name="status")
def status() -> None:
    """How many data keys each version of the key-encryption key wraps, and how many are destroyed; no secrets."""
    from telemed.keys import service

    state = asyncio.run(service.state(loaded()))
    typer.echo(f"Key-encryption keys: {state.place}, version {state.current} in use.")
    for version, count in state.wrapped.items():
        typer.echo(f"version {version}: {count} data keys")
    if state.older:
        typer.echo(f"{state.older} data keys are wrapped by older versions. Run `telemed keys rewrap`.")
    else:
        typer.echo("No data key needs an older version; older backups may.")
    typer.echo(f"Erased records: {state.destroyed}.")
    if state.uncleared:
        typer.echo(f"Of {state.uncleared} of them unreadable rows are left; the running service removes them.")


@keys.command(name="rotate")
def rotate(
    patient: Annotated[str, typer.Option(help="A new data key for this patient's record instead.")] = "",
    tenant: Annotated[str, typer.Option(help="A new data key for this clinic's other resources instead.")] = "",
) -> None:
    """Make a new version of the key-encryption key, used for new wraps at once; or of one data key."""
    from telemed.keys import service

    if patient and tenant:
        raise OneKeyAtATime
    if patient or tenant:
        scope = service.of_patient(patient) if patient else service.of_tenant(tenant)
        version = asyncio.run(service.renewed(loaded(), scope))
        typer.echo(f"Data key version {version} is used for what is written from now on; what is there stays as it is.")
    else:
        version = asyncio.run(service.rotated(loaded()))
        typer.echo(f"Version {version} of the key-encryption key is in use. Run `telemed keys rewrap` next.")


@keys.command(name="rewrap")
def rewrap() -> None:
    """Wrap all data keys with the newest key-encryption key while the service goes on; may be killed and run again."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from telemed.keys import service

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bars:
        task = bars.add_task("data keys", total=None)

        def tell(of: "Rewrapped") -> None:
            bars.update(task, total=of.all, completed=of.done)

        done = asyncio.run(service.rewrapped(loaded(), tell=tell))
        bars.update(task, total=done, completed=done)
    typer.echo(f"{done} data keys are wrapped anew.")


@keys.command(name="shred")
def shred(
    patient: Annotated[str, typer.Argument(help="The id of the Patient.")],
    reason: Annotated[str, typer.Option(help="Why; it stands sealed in the log of accesses.")],
    *,
    confirm: Annotated[bool, typer.Option("--confirm", help="Really erase; without it, nothing is changed.")] = False,
) -> None:
    """Erase one patient's record for ever, in the backups too; refused while the law keeps it."""
    from telemed.keys import service

    if not confirm:
        tenant = asyncio.run(service.require_erasable(loaded(), patient))
        typer.echo(
            f"Nothing was erased. The record of this patient of {tenant} may be; nothing brings it back. Add --confirm to erase it."
        )
        return
    at = asyncio.run(service.shredded(loaded(), patient, reason=reason))
    typer.echo(f"The record is erased since {at.isoformat(timespec='seconds')}. Keep the list of destroyed keys.")
