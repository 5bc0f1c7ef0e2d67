"""The commands of the log: `telemed audit`."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.problems import Problem
from infra.settings import loaded

if TYPE_CHECKING:
    from fhir.ledger.handover import Handover
    from fhir.ledger.verify import Report
    from infra.cosignatures import Witness

audit = typer.Typer(help="Who looked at what, and the proof that nobody has rewritten it.", no_args_is_help=True)


class NothingLost(Problem):
    """The second place knows of nothing that is gone. There is no reason to begin anew."""


class NothingForgotten(Problem):
    """Nothing was changed. Rows that are forgotten do not come back; add --confirm to go on."""


class NotConfirmed(Problem):
    """Nothing was changed. What is lost stays lost, and is told by every `telemed audit verify`; add --confirm to go on."""


class UnreadableProof(Problem):
    """The file holds no proof as `telemed audit prove` prints it."""


@audit.command(name="list")
def list_accesses(
    tenant: Annotated[str, typer.Option(help="Only the log of this tenant.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
) -> None:
    """The latest accesses: when, who of which tenant, what, of whom, with which outcome, under which id."""
    from fhir.ledger.verify import event_id
    from telemed.ledger.service import latest

    found = asyncio.run(latest(loaded(), tenant=tenant, limit=limit))
    typer.echo("when (UTC)                 who of which tenant  what  outcome  id")
    for row in found:
        what = f"{row.type}/{row.resource_id}" if row.resource_id else row.type
        recorded = row.recorded.isoformat(timespec="seconds")
        outcome = {"0": "done", "4": "refused"}.get(row.outcome, row.outcome)
        who = f"{row.role} {row.agent} of {row.agent_tenant}"
        typer.echo(f"{recorded}  {who}  {row.action} {what}  {outcome}  {event_id(row.id)}")


@audit.command()
def verify() -> None:
    """Verify the whole log while the service goes on; the exit status is 1 if anything differs."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from telemed.ledger.service import verified

    columns = (TextColumn("events"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as bars:
        task = bars.add_task("events", total=None)
        report = asyncio.run(
            verified(loaded(), tell=lambda done, total: bars.update(task, completed=done, total=total))
        )
    _show(report)
    if report.differences:
        raise typer.Exit(1)


@audit.command()
def prove(
    id: Annotated[str, typer.Argument(help="The event, like log-0c5ab17a2f3c4d5e; `audit list` shows them.")] = "",
    since: Annotated[
        int | None, typer.Option(min=1, help="Also show growth since the checkpoint of this size.")
    ] = None,
    check: Annotated[Path | None, typer.Option(help="Check the proof in this file instead; needs no database.")] = None,
    key: Annotated[str, typer.Option(help="With --check: the public key of the log, as you know it.")] = "",
) -> None:
    """Prove that an event stands in the signed log, as JSON for somebody who has the log's public key alone."""
    if check is not None:
        _check(check, key)
    elif id:
        from msgspec import json

        from telemed.ledger.service import proved

        proof = asyncio.run(proved(loaded(), id, since=since))
        typer.echo(json.format(json.encode(proof), indent=1).decode())
    else:
        raise typer.BadParameter("Name an event, or a file with --check.")


@audit.command()
def cosign(
    file: Annotated[Path, typer.Argument(help="A checkpoint, or a proof of `audit prove ID --since SIZE`.")],
    key: Annotated[str, typer.Option(help="The public key of the log, as you wrote it down.")],
    folder: Annotated[Path, typer.Option(help="Where the witness keeps its key and what it has seen.")],
    name: Annotated[str, typer.Option(help="Who the witness is, without blanks, like north.example/witness.")],
) -> None:
    """Cosign another platform's log as its witness, if it has only grown; needs no database and no keys of ours."""
    from infra.clock import SystemClock
    from infra.cosignatures import Witness
    from telemed.ledger.witness import cosign as cosigned
    from telemed.ledger.witness import witness_key

    signed = cosigned(file, key=key, folder=folder, name=name, now=SystemClock().now())
    typer.echo(signed, nl=False)
    typer.echo(f"The witness's key: {Witness(name, witness_key(folder).public_key()).text}", err=True)


@audit.command()
def witnessed(
    file: Annotated[Path, typer.Argument(help="A checkpoint with the lines of its witnesses.")],
    key: Annotated[str, typer.Option(help="The public key of the log, as you wrote it down.")],
    witness: Annotated[str, typer.Option(help="The witness's key, as you wrote it down.")],
) -> None:
    """Tell whether a witness has seen this state of a log, and when; the exit status is 1 if not."""
    from telemed.ledger.witness import witnessed as seen

    said, found = seen(file, key=key, witness=_witness(witness))
    for each in found:
        typer.echo(f"{each.name} saw {said.size} events of {said.origin} at {each.at.isoformat()}.")
    if not found:
        typer.echo(f"This witness has not signed for {said.size} events of {said.origin}.")
        raise typer.Exit(1)


@audit.command()
def rotate(reason: Annotated[str, typer.Option(help="Why, in one line; everybody who verifies reads it.")]) -> None:
    """Let a new key sign the log from now on; the old one signs for it, and stays to verify what it has signed."""
    from telemed.ledger.service import handed_over

    made = asyncio.run(handed_over(loaded(), reason=reason, losses=()))
    _show_handover(made)


@audit.command()
def restart(
    reason: Annotated[str, typer.Option(help="Why, in one line; everybody who verifies reads it.")],
    *,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Really give up what is lost; else it is only shown.")
    ] = False,
) -> None:
    """Begin the log anew after a backup was put back: what is lost is signed, and no longer named as a difference."""
    from telemed.ledger.service import handed_over, losses

    found = asyncio.run(losses(loaded()))
    if not found:
        raise NothingLost
    for loss in found:
        typer.echo(f"{loss.origin}: {loss.signed} events were signed, the first {loss.kept} are still there.")
    if not confirm:
        raise NotConfirmed
    _show_handover(asyncio.run(handed_over(loaded(), reason=reason, losses=found)))


@audit.command(name="copy")
def copy() -> None:
    """Copy all checkpoints to an empty second place: where one begins beside an older log, or a new one for a lost one."""
    from telemed.ledger.service import copied

    typer.echo(f"{asyncio.run(copied(loaded()))} checkpoints are in the second place.")


@audit.command()
def forget(
    before: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Looks from before this day, in UTC.")],
    *,
    confirm: Annotated[bool, typer.Option("--confirm", help="Really forget; without it, nothing is changed.")] = False,
) -> None:
    """Remove old looks from the log of accesses; their leaves stay, so that nobody else can remove one unseen."""
    from telemed.ledger.service import forget_looks, refuse_young

    settings, moment = loaded(), before.replace(tzinfo=UTC)
    refuse_young(settings, before=moment)
    if not confirm:
        raise NothingForgotten
    told = asyncio.run(forget_looks(settings, before=moment))
    typer.echo(f"{told.rows} looks from before {told.before.date()} are forgotten.")


@audit.command()
def export(
    tenant: Annotated[str, typer.Option(help="Whose log.")],
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="In UTC.")] = None,
) -> None:
    """Write a tenant's log to standard output: AuditEvents with the place of their leaf, one in a line (NDJSON)."""
    from msgspec import json

    from telemed.ledger.service import export as exported

    def write(event: dict[str, Any]) -> None:
        sys.stdout.buffer.write(json.encode(event) + b"\n")

    asyncio.run(exported(loaded(), tenant=tenant, since=since and since.replace(tzinfo=UTC), write=write))
    sys.stdout.buffer.flush()


def _check(file: Path, key: str) -> None:
    from msgspec import DecodeError, json

    from fhir.ledger.proof import Proof, check

    try:
        proof = json.decode(file.read_bytes(), type=Proof)
    except (OSError, DecodeError) as error:
        raise UnreadableProof from error
    said = check(proof, key=key or None)
    typer.echo(f"Event {proof.index} of the {said.size} that {said.origin} has signed: {proof.leaf}")
    if proof.grown is not None:
        typer.echo(f"The log begins as it was signed before:\n{proof.grown.checkpoint}")
    if not key:
        typer.echo(f"Signed with the key in the file. Compare it with the log's, or use --key: {proof.key}")


def _witness(text: str) -> "Witness":
    from infra.checkpoints import CheckpointBroken
    from infra.cosignatures import witness_of

    try:
        return witness_of(text)
    except CheckpointBroken as error:
        raise typer.BadParameter("This is no key of a witness.") from error


def _show_handover(made: "Handover") -> None:
    from infra.checkpoints import key_text

    typer.echo(f"From now on this key signs: {key_text(made.new.name, made.new.public)}")
    typer.echo("The key before has signed for it. Write it down where you keep the checkpoints.")


def _show(report: "Report") -> None:
    typer.echo(
        f"{report.events} events in {report.logs} logs, {report.checkpoints} checkpoints here, {report.copies} in the "
        f"second place, {report.resources} resources; {report.waiting} events wait for their signature."
    )
    for told in (*report.lost, *report.first):
        typer.echo(told)
    if report.differences > len(report.first):
        typer.echo(f"and {report.differences - len(report.first)} more")
    typer.echo("Nothing differs." if not report.differences else f"{report.differences} differences.")
