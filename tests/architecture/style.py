"""The measurable rules of the style guide, as functions from a tree to what breaks them."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.tree import parsed, sources

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
FORBIDDEN_NAMES = ("utils", "helpers", "common", "base")
CATCH_ALL = ("Exception", "BaseException")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def long_files(root: Path, *folders: str) -> Iterator[str]:
    """Files that should be split by noun."""
    for path in sources(root, *folders):
        lines = len(path.read_text().splitlines())
        if lines > LONGEST_FILE:
            yield f"{path.relative_to(root)}: {lines} lines"


def vague_files(root: Path, *folders: str) -> Iterator[str]:
    """Files whose name says nothing of what is inside."""
    yield from (str(path.relative_to(root)) for path in sources(root, *folders) if path.stem in FORBIDDEN_NAMES)


def long_functions(root: Path, *folders: str) -> Iterator[str]:
    """Functions that do more than one thing."""
    for path in sources(root, *folders):
        if "versions" in path.parts:
            continue  # one statement a table, written by Alembic
        for node in ast.walk(parsed(path)):
            if isinstance(node, Function) and (node.end_lineno or node.lineno) - node.lineno >= LONGEST_FUNCTION:
                yield f"{path.relative_to(root)}:{node.lineno} {node.name}"


def undocumented(root: Path, *folders: str) -> Iterator[str]:
    """Public modules, classes and functions that do not say what you get."""
    for path in sources(root, *folders):
        if path.relative_to(root).as_posix() == "fhir/__init__.py" or "versions" in path.parts:
            continue  # the one may hold a single line, the others are written by Alembic
        for name, node in _public(parsed(path), path.stem):
            if not (ast.get_docstring(node) or "").strip():
                yield f"{path.relative_to(root)}: {name}"


def _public(
    node: ast.Module | ast.ClassDef | Function, name: str
) -> Iterator[tuple[str, ast.Module | ast.ClassDef | Function]]:
    """The node and what is public in it; functions inside functions are nobody's interface."""
    yield name, node
    if isinstance(node, ast.Module | ast.ClassDef):
        for child in node.body:
            if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_"):
                yield from _public(child, child.name)


def catch_alls(root: Path, *folders: str) -> Iterator[str]:
    """Handlers that catch everything and keep it; one that ends in a bare `raise` only cleans up."""
    for path in sources(root, *folders):
        for function, handler in _handlers(parsed(path)):
            if _catches_all(handler.type) and not _raises_again(handler):
                yield f"{path.relative_to(root).as_posix()} {function}"


def _handlers(tree: ast.AST, function: str = "") -> Iterator[tuple[str, ast.ExceptHandler]]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.ExceptHandler):
            yield function, child
        yield from _handlers(child, child.name if isinstance(child, Function) else function)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _catches_all(caught: ast.expr | None) -> bool:
    match caught:
        case None:
            return True
        case ast.Tuple(elts=several):
            return any(_catches_all(one) for one in several)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in CATCH_ALL
    return False
