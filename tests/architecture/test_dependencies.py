"""What the packages import comes with the product, not by chance with a test tool."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.architecture.tree import PACKAGES, ROOT, parsed, sources

# Extras of pyproject.toml: imported only where they are used, with a sentence for whoever does without.
EXTRAS = {"opendp": "anonymise/private.py"}

LOCKED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==", re.MULTILINE)


def _imported() -> Iterator[tuple[str, str]]:
    """Each imported top-level name with the place."""
    for path in sources(ROOT, *PACKAGES):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                yield from ((alias.name.partition(".")[0], str(path)) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield (node.module or "").partition(".")[0], str(path)


def test_everything_imported_is_locked_for_running() -> None:
    locked = set(LOCKED.findall((ROOT / "requirements.txt").read_text()))
    providers = packages_distributions()
    foreign = {(name, place) for name, place in _imported() if name not in sys.stdlib_module_names | set(PACKAGES)}

    missing = {
        (name, place)
        for name, place in foreign
        if EXTRAS.get(name) != Path(place).relative_to(ROOT).as_posix()
        and not {re.sub(r"[-_.]+", "-", one.lower()) for one in providers.get(name, [])} & locked
    }

    assert missing == set()
