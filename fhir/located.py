"""Which entry of a Bundle a problem is about."""

from contextlib import AbstractContextManager
from dataclasses import replace

from infra.problems import Problem


def located(index: int) -> AbstractContextManager[None]:
    """A stretch of work on one entry: a problem in it says which entry it is about."""
    return _Located(index)


class _Located(AbstractContextManager[None]):
    """A class, as a generator costs three times as much, and an entry has half a dozen of such stretches."""

    __slots__ = ("_index",)

    def __init__(self, index: int) -> None:
        self._index = index

    def __exit__(self, _kind: object, problem: BaseException | None, _trace: object) -> None:
        if isinstance(problem, Problem):
            place = f"Bundle.entry[{self._index}]"
            # Lines and columns were counted in the entry's own text, not in what was sent.
            problem.issues = tuple(
                replace(issue, expression=(place, *issue.expression), place=None) for issue in problem.issues
            )
