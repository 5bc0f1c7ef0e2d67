"""The command line: one command for each process, and a few for operators."""

import asyncio
from typing import Annotated

import typer
import uvicorn
from rich.console import Console
from rich.table import Table

from infra import log, migrate
from infra.database import open_database
from infra.problems import Problem
from infra.settings import Settings
from telemed import operators
from telemed.app import create_app
from telemed.startup import StartRefused, require_revision
from telemed.worker import work

app = typer.Typer(name="telemed", help="Open telemedicine and care coordination.", no_args_is_help=True)
audit = typer.Typer(help="Who looked at what.", no_args_is_help=True)
app.add_typer(audit, name="audit")

Host = Annotated[str, typer.Option(help="Address to listen on.")]
GRACE_SECONDS = 20


@app.command()
def serve(
    host: Host = "127.0.0.1", port: Annotated[int, typer.Option(envvar="PORT", help="Port to listen on.")] = 8000
) -> None:
    """Answer the API, the pages and the signalling; without a Redis, also do the jobs."""
    settings = _settings()
    asyncio.run(require_revision(settings))
    config = uvicorn.Config(
        create_app(settings),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        # Whoever stands before us and sets X-Forwarded-For is not known here, so nobody is believed.
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    server.run()
    if not server.started:
        raise typer.Exit(1)


@app.command()
def worker() -> None:
    """Do the jobs of a service whose queue is on Redis."""
    settings = _settings()
    asyncio.run(require_revision(settings))
    asyncio.run(work(settings))


@app.command(name="migrate")
def migrate_database() -> None:
    """Bring the database's tables to this version."""
    settings = _settings()

    async def upgraded() -> str | None:
        database = open_database(settings.database)
        try:
            await migrate.upgrade(database)
            return await migrate.present_revision(database)
        finally:
            await database.close()

    typer.echo(f"The database is at revision {asyncio.run(upgraded())}.")


@audit.command(name="list")
def list_accesses(
    tenant: Annotated[str, typer.Option(help="Only the log of this tenant.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 20,
) -> None:
    """The latest accesses: when, who, what, with which outcome."""
    rows = asyncio.run(operators.latest_accesses(_settings(), tenant=tenant, limit=limit))
    table = Table("recorded", "agent", "role", "of", "action", "what", "tenant", "outcome")
    for row in rows:
        what = f"{row.type}/{row.resource_id}" if row.resource_id else row.type
        recorded = row.recorded.isoformat(timespec="seconds")
        table.add_row(recorded, row.agent, row.role, row.agent_tenant, row.action, what, row.tenant, row.outcome)
    Console().print(table)


@app.command()
def doctor() -> None:
    """Check what the service needs; the exit status is 1 if anything is wrong."""
    table = Table("part", "state", "what to do")
    findings = asyncio.run(operators.findings(_settings()))
    for finding in findings:
        table.add_row(finding.part, "[green]good[/]" if finding.good else "[red]wrong[/]", finding.advice)
    Console().print(table)
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


def main() -> None:
    """Run the command that the arguments name; a refusal is one line and the exit status 1."""
    try:
        app()
    except (StartRefused, Problem) as refused:
        typer.echo(refused.text, err=True)
        raise SystemExit(1) from None


def _settings() -> Settings:
    settings = Settings()
    log.configure(settings.log_level)
    return settings


if __name__ == "__main__":
    main()
