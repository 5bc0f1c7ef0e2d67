"""The documents as the tests see them: their code spans, tables, links and shell blocks."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.tree import PACKAGES, ROOT

FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href|srcset)=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ROUTE = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE|WebSocket) `?(/[^\s`|,]*)")
SKIPPED = ("__pycache__", ".egg-info")


@dataclass(frozen=True, order=True)
class Route:
    """A method and a path, in which every placeholder is `{}`."""

    method: str
    path: str

    @classmethod
    def of(cls, method: str, path: str) -> "Route":
        """The route, whatever its placeholders are called and whether or not it ends in a slash."""
        return cls(method, re.sub(r"\{[^}]*\}", "{}", path).rstrip("/") or "/")

    def __str__(self) -> str:
        """As a document should name it."""
        return f"{self.method} {self.path}"


def manual(package: str) -> str:
    """The text of a package's README."""
    return (ROOT / package / "README.md").read_text()


def documents(root: Path = ROOT) -> list[Path]:
    """All documents of the repository."""
    deeper = [file for folder in (*PACKAGES, "tests") for file in (root / folder).rglob("*.md")]
    return sorted([*root.glob("*.md"), *(file for file in deeper if not any(part in str(file) for part in SKIPPED))])


def prose(text: str) -> str:
    """The document without its fenced blocks."""
    return FENCED.sub("", text)


def spans(text: str) -> list[str]:
    """Everything between single backticks."""
    return SPAN.findall(prose(text))


def shell_lines(text: str) -> list[str]:
    """The commands in the blocks marked sh, without comments."""
    blocks = [body for kind, body in FENCED.findall(text) if kind == "sh"]
    lines = (line.partition(" #")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def python_block(text: str, heading: str) -> str:
    """The one block marked python under a heading of the second level."""
    [block] = (body for kind, body in FENCED.findall(section(text, heading)) if kind == "python")
    return str(block)


def routes_named(text: str) -> set[Route]:
    """The routes that a document names as METHOD and path."""
    return {Route.of(method, path) for method, path in ROUTE.findall(prose(text))}


def links(text: str) -> Iterator[str]:
    """The targets of links and pictures that lie in the repository."""
    for plain, quoted in LINK.findall(prose(text)):
        target = plain or quoted
        if "://" not in target and not target.startswith("mailto:"):
            yield target


def anchors(text: str) -> set[str]:
    """The names by which the document's headings can be linked to."""
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(prose(text)))
    return {heading.strip().replace(" ", "-") for heading in kept}


def section(text: str, heading: str) -> str:
    """The part of a document under a heading of the second level."""
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
