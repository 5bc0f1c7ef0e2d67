"""No route without a word on who may call it: checked when the app is made, so a bare route can't even start."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute


class UnguardedRouteError(RuntimeError):
    """A route says neither by a dependency nor on the public list who may call it."""


def require_guards(
    routes: Sequence[BaseRoute], *, guards: Iterable[Callable[..., Any]], public: Mapping[str, str]
) -> None:
    """Nothing; raises `UnguardedRouteError` unless each route depends on a guard or its path is on the public list."""
    known = frozenset(guards)
    bare = sorted(path for path, called in _called(routes) if not called & known and path not in public)
    if bare:
        raise UnguardedRouteError(", ".join(bare))


def guarded_paths(routes: Sequence[BaseRoute], *, guards: Iterable[Callable[..., Any]]) -> frozenset[str]:
    """The paths that have at least one route with a guard; for tests that compare them with the public list."""
    known = frozenset(guards)
    return frozenset(path for path, called in _called(routes) if called & known)


def _called(routes: Sequence[BaseRoute]) -> Iterable[tuple[str, frozenset[Any]]]:
    """Each route's path and everything that runs before it."""
    for route in iter_route_contexts(routes):
        dependant = getattr(route, "dependant", None)
        called = set(_calls(dependant)) if dependant is not None else set()
        # The record's routes are plain functions of a request; they carry the guard that they ask first.
        called.add(getattr(route.endpoint, "guard", None))
        yield route.path or "", frozenset(called)


def _calls(dependant: Dependant) -> Iterable[Any]:
    for inner in dependant.dependencies:
        yield inner.call
        yield from _calls(inner)
