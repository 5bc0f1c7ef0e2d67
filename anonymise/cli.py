"""`python -m anonymise`: the commands by name, and how one ends."""

from collections.abc import Callable, Mapping
from typing import Final

import typer
from rich.console import Console
from rich.markup import escape

from anonymise.attack.command import attack_releases
from anonymise.commands.definitions import explain, facts, plan
from anonymise.commands.drafts import audit, build_draft, report
from anonymise.commands.releases import approve_draft, publish_approved, verify, withdraw_published
from infra.problems import Problem

app = typer.Typer(no_args_is_help=True, add_completion=False, help="k-anonymous statistics of persons.")
COMMANDS: Final[Mapping[str, Callable[..., None]]] = {
    "explain": explain,
    "plan": plan,
    "build": build_draft,
    "audit": audit,
    "attack": attack_releases,
    "report": report,
    "approve": approve_draft,
    "publish": publish_approved,
    "withdraw": withdraw_published,
    "verify": verify,
    "facts": facts,
}
for name, command in COMMANDS.items():
    app.command(name=name)(command)


def main() -> None:
    """Run a command; a problem, or a disk that is full, is one line on standard error and exit code 1."""
    try:
        app(standalone_mode=True)
    except (Problem, ValueError, OSError) as problem:
        Console(stderr=True).print(f"[red]{escape(str(problem))}[/]")
        raise SystemExit(1) from problem
