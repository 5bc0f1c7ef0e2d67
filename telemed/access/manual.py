"""The access table as the manual shows it; a test compares it with README.md, so the two can't drift apart."""

from infra.caller import Role
from telemed.access.table import ALLOWED, MEMBERS


def table() -> str:
    """The access table in Markdown: one line for each role, one column for each group of types."""
    head = ["role", *MEMBERS]
    lines = [_line(head), _line(["---"] * len(head))]
    lines += [_line([role, *(ALLOWED[role][group] or "-" for group in MEMBERS)]) for role in Role]
    return "\n".join(lines)


def groups() -> str:
    """The groups of the table in Markdown, with their types."""
    return "\n".join(f"- {group}: {', '.join(types)}" for group, types in MEMBERS.items())


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
