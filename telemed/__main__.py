"""The command line: one command for each process, and a few for operators.

Each command imports its own part when it runs. A process then holds only what it needs: the portal never loads the code
that knows databases and keys, and `--help` does not wait for it.
"""

import asyncio
import errno
import socket
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
import uvicorn
from pydantic import ValidationError

from infra.memory import keep_private
from infra.packets import InOnePacket
from infra.problems import Problem
from infra.settings import loaded
from infra.sockets import Frugal
from telemed.backups.commands import backup, restore
from telemed.keys.commands import keys
from telemed.ledger.commands import audit
from telemed.registry.commands import client, clinician, organization
from telemed.releases.commands import data

app = typer.Typer(
    name="telemed", help="Open telemedicine and care coordination.", no_args_is_help=True, add_completion=False
)
GROUPS = {
    "audit": audit,
    "keys": keys,
    "organization": organization,
    "clinician": clinician,
    "client": client,
    "data": data,
}
for group, commands in GROUPS.items():
    app.add_typer(commands, name=group)
for single in (backup, restore):
    app.command()(single)

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(envvar="PORT", help="Port to listen on.")]
PortalPort = Annotated[int, typer.Option(envvar="PORTAL_PORT", help="Port to listen on.")]
GRACE_SECONDS = 20
# Signalling messages are small; the largest is an offer.
SOCKET_MESSAGE = 65_536
# Pydantic says of what is no time where its reading ended, not what it should look like.
TIME_FORM = "Must be a date and time like 2026-11-23T09:00:00+01:00"


@app.command()
def serve(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Answer the API, the pages and the signalling; without a Redis, also do the jobs."""
    from telemed.app import create_app
    from telemed.startup import preflight

    settings = loaded()
    keep_private()
    asyncio.run(preflight(settings))
    _listen(create_app(settings), host=host, port=port)


@app.command()
def worker() -> None:
    """Do the jobs of a service whose queue is on Redis."""
    from telemed.startup import preflight
    from telemed.worker import work

    settings = loaded()
    keep_private()
    asyncio.run(preflight(settings))
    asyncio.run(work(settings))


@app.command()
def media() -> None:
    """Forward the media of calls of three and more; one process for each core, besides `serve` and on the same Redis."""
    from telemed.media import run

    settings = loaded()
    keep_private()
    run(settings)


@app.command()
def portal(host: Host = "127.0.0.1", port: PortalPort = 8001) -> None:
    """Serve the published statistics; needs the releases folder alone, no database and no keys."""
    from anonymise.portal.app import app as open_data

    settings = loaded()
    _listen(open_data(settings.releases, base_url=settings.portal_url), host=host, port=port, sockets=False)


@app.command()
def migrate() -> None:
    """Bring the database's tables to this version."""
    from telemed.operators import migrated

    typer.echo(f"The database is at revision {asyncio.run(migrated(loaded()))}.")


@app.command()
def reindex(
    types: Annotated[list[str] | None, typer.Argument(help="Only these types, like Patient Observation.")] = None,
) -> None:
    """Rebuild the search index while the service goes on; a rebuild that was killed goes on where it stopped."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from telemed.operators import reindexed

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bars:
        tasks: dict[str, Any] = {}

        def tell(of: Any) -> None:
            if of.all and of.type not in tasks:
                tasks[of.type] = bars.add_task(of.type, total=of.all)
            if of.type in tasks:
                bars.update(tasks[of.type], completed=of.done)

        done = asyncio.run(reindexed(loaded(), types or (), tell=tell))
    typer.echo(f"The index of {len(done)} types is rebuilt.")


@app.command()
def demo() -> None:
    """Show the whole product with made-up people, until Ctrl-C."""
    from telemed.demo.command import demo as run

    run()


@app.command(name="try")
def try_out(what: Annotated[str, typer.Argument(help="search, tamper, race or log")]) -> None:
    """Try something on the running demo; the exit status is 1 if it did not do what it promises."""
    from telemed.demo.tries import Try, attempt

    if what not in set(Try):
        raise typer.BadParameter(f"Choose one of: {', '.join(Try)}.")
    if not attempt(Try(what)):
        raise typer.Exit(1)


@app.command()
def call(
    link: Annotated[str, typer.Argument(help="A patient's link, or one that ends in /practice.")] = "",
    *,
    birth_date: Annotated[str, typer.Option(help="The patient's date of birth, for a patient's link.")] = "",
    file: Annotated[Path | None, typer.Option(help="A video to show in place of the moving pattern.")] = None,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="How long to talk.")] = 5.0,
) -> None:
    """Join the room of a link without a browser, and tell the check words and what came; without a link, make a synthetic call."""
    from telemed.calling import call as through
    from telemed.joining import join

    if link:
        typer.echo(asyncio.run(join(link, birth_date=birth_date, seconds=seconds, file=file, tell=typer.echo)))
    else:
        typer.echo(asyncio.run(through(loaded(), seconds=seconds, file=file)))


@app.command()
def doctor(
    *,
    call: Annotated[
        bool, typer.Option("--call", help="Also make a synthetic call through the running service.")
    ] = False,
) -> None:
    """Check what the service needs; the exit status is 1 if anything is wrong."""
    from telemed.operators import called, findings

    found = asyncio.run(findings(loaded()))
    if call:
        found += asyncio.run(called(loaded()))
    for finding in found:
        typer.echo(f"{finding.mark:5}  {finding.part}  {finding.advice or finding.figure}".rstrip())
    if not all(finding.good for finding in found):
        raise typer.Exit(1)


class CannotListen(Problem):
    """Nothing can listen there."""


def main() -> None:
    """Run the command that the arguments name; a refusal is one line and the exit status 1."""
    try:
        app()
    except Problem as refused:
        typer.echo(refused.text, err=True)
        raise SystemExit(1) from None
    except ValidationError as unreadable:
        for fault in unreadable.errors(include_url=False, include_input=False):
            name = str(fault["loc"][0])
            said = TIME_FORM if fault["type"].startswith("datetime") else fault["msg"]
            typer.echo(f"{name if name.isupper() else f'TELEMED_{name.upper()}'}: {said}.", err=True)
        raise SystemExit(1) from None


def _listen(application: Any, *, host: str, port: int, sockets: bool = True) -> None:
    _require_free(host, port)
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        http=InOnePacket,
        ws=Frugal if sockets else "none",
        log_config=None,
        access_log=False,
        server_header=False,
        # Whoever stands before us and sets X-Forwarded-For is not known here, so nobody is believed.
        proxy_headers=False,
        ws_max_size=SOCKET_MESSAGE,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    server.run()
    if not server.started:
        raise typer.Exit(1)


class _Server(uvicorn.Server):
    """A server that says when it can be reached: its own words are cut by the list of fields that may be logged."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Nothing; the server listens, and the log says so."""
        await super().startup(sockets)
        if self.started:
            structlog.get_logger().info("listening", port=self.config.port)


def _require_free(host: str, port: int) -> None:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        reason = "is in use" if error.errno == errno.EADDRINUSE else "can't be used here"
        raise CannotListen(f"{host}:{port} {reason}. Choose another with --port or --host.") from error


if __name__ == "__main__":
    main()
