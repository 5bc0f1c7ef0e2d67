"""What a test that looks at pages is handed."""

from pathlib import Path
from typing import NamedTuple

from tests.fixtures.axe import Axe


class Looking(NamedTuple):
    """The search for barriers, and where pictures of pages are kept."""

    axe: Axe
    folder: Path
