"""How far long work has come: told by whoever does it, shown as a bar on a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

Progress = Callable[[str, int, int], None]
"""Takes the step in words, what is done of it, and how much there is; 0 where that is not known."""


def no_progress(step: str, done: int, of: int) -> None:
    """No progress shown."""


@contextmanager
def shown() -> Iterator[Progress]:
    """A bar on standard error that goes when the work is done; nothing where that is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("", total=None)
        yield lambda step, done, of: bars.update(task, description=step, completed=done, total=of or None)
