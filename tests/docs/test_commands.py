"""Every command and option has its place in a manual, and every command named there exists."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from anonymise.cli import app as statistics
from telemed.__main__ import app as telemed
from telemed.demo.tries import Try
from tests.docs.manuals import manual, section, spans

WORDS = re.compile(r"^(?:telemed )?([a-z][a-z-]*(?: [a-z][a-z-]*)?)")


def commands(app: typer.Typer) -> dict[str, set[str]]:
    """The options of each command, which is named with its group."""
    return dict(_walk(typer.main.get_command(app), ""))


# Typer has a click of its own, so a group is known by what it has, not by its class.
def _walk(command: Any, name: str) -> Iterator[tuple[str, set[str]]]:
    if inside := getattr(command, "commands", None):
        for word, inner in inside.items():
            yield from _walk(inner, f"{name} {word}".strip())
        return
    options = (option for parameter in command.params for option in parameter.opts if option.startswith("--"))
    yield name, set(options) - {"--install-completion", "--show-completion"}


def rows(text: str) -> dict[str, str]:
    """The line of each command in a manual's table, by the command with its group."""
    found = {}
    for line in section(text, "Commands").splitlines():
        if line.startswith("| `") and (match := WORDS.match(spans(line)[0])):
            found[match.group(1)] = line
    return found


def gaps(app: typer.Typer, text: str) -> set[str]:
    """Commands without a line, lines without a command, options that are named nowhere."""
    wanted, shown = commands(app), rows(text)
    # `try search` is the command `try` with one of its arguments.
    named = {name if name in wanted else name.split()[0] for name in shown}
    options = {f"{name} {option}" for name, given in wanted.items() for option in given if option not in text}
    return (wanted.keys() ^ named) | options


def test_every_command_of_telemed_is_documented_and_nothing_else() -> None:
    assert gaps(telemed, manual("telemed")) == set()


def test_every_command_of_the_statistics_is_documented_and_nothing_else() -> None:
    assert gaps(statistics, manual("anonymise")) == set()


def test_everything_that_can_be_tried_is_documented() -> None:
    shown = spans(rows(manual("telemed"))["try search"])

    assert {each.value for each in Try} <= {name.split()[-1] for name in shown}


def test_an_undocumented_command_is_named() -> None:
    app = typer.Typer()
    app.command(name="known")(lambda: None)

    @app.command()
    def seeded(level: int = 1) -> None:
        """Seeded."""

    text = "\n## Commands\n\n| `telemed known` | there |\n| `telemed gone` | no longer there |\n"

    assert gaps(app, text) == {"seeded", "gone", "seeded --level"}
