"""The access rules as the manual shows them; a test compares them with README.md, so the two can't drift apart."""

from typing import Final

from fhir.policy import Action
from infra.caller import Role
from telemed.access.policy import CARING, reach_of
from telemed.access.provisions import CARE_PURPOSES, LOOKING, NOT_LOOKING, OTHER_PURPOSES, UNDECIDED
from telemed.access.rule import Reach
from telemed.access.table import ALLOWED, CONTEXT, MEMBERS

ROWS: Final = {
    None: "-",
    Reach.REGION: "the whole region's",
    Reach.RECORD: "own, own patients', granted; less what a Consent denies",
    Reach.OWN: "own tenant's",
    Reach.OWN_CHANGE: "own tenant's, in records open to it",
    Reach.ONE: "the one appointment, or by an app the own record in the clinic that let them in",
}


def table() -> str:
    """The access table in Markdown: one line for each role, one column for each group of types."""
    head = ["role", *MEMBERS]
    lines = [_line(head), _line(["---"] * len(head))]
    lines += [_line([role, *(ALLOWED[role][group] or "-" for group in MEMBERS)]) for role in Role]
    return "\n".join(lines)


def groups() -> str:
    """The groups of the table in Markdown, with their types."""
    return "\n".join(f"- {group}: {', '.join(types)}" for group, types in MEMBERS.items())


def reaches() -> str:
    """For each role which rows it reads and changes, in Markdown: the widest of all types but those of the region."""
    lines = [_line(["role", "scopes", "reads", "changes", "acts in records"]), _line(["---"] * 5)]
    for role in Role:
        read = _widest(role, (Action.READ, Action.SEARCH))
        change = _widest(role, (Action.CREATE, Action.UPDATE, Action.DELETE))
        scopes = "-" if role is Role.SERVICE else f"`{CONTEXT[role]}/`"
        lines.append(_line([role, scopes, ROWS[read], ROWS[change], "yes" if role in CARING else "-"]))
    return "\n".join(lines)


def consents() -> str:
    """What each element of a provision does to what it permits and to what it denies, in Markdown."""
    undecided = ", ".join(f"`{name}`" for name in UNDECIDED)
    care, other = ", ".join(sorted(CARE_PURPOSES)), ", ".join(sorted(OTHER_PURPOSES))
    looking, not_looking = ", ".join(sorted(LOOKING)), ", ".join(sorted(NOT_LOOKING))
    rows = [
        [
            "`actor`",
            "lets in the clinics that keep them",
            "closes to these clinics; to all if it can't be told whose one is",
        ],
        ["no `actor`", "lets nobody in", "closes to all, the patient's own clinic too"],
        ["`period`", "holds within it", "holds within it; always, if it can't be read"],
        ["`class`, resource types", "these types", "these types"],
        ["`data`, meaning `instance`", "these resources", "these resources"],
        ["`class` or `data` of another kind", "opens nothing", "is as wide as without it"],
        [undecided, "opens nothing", "is as wide as without it"],
        ["`purpose`", f"opens with one of {care}", f"closes unless all are of {other}"],
        ["`action`", f"opens with one of {looking}", f"closes unless all are of {not_looking}"],
        ["nested", "a denial in it closes", "a permission in it is excepted, and lets in the actors that it names"],
    ]
    return "\n".join(map(_line, [["element", "permission", "denial"], ["---"] * 3, *rows]))


def _widest(role: Role, actions: tuple[Action, ...]) -> Reach | None:
    types = (type for group, types in MEMBERS.items() if group not in ("directory", "calendar") for type in types)
    found = {reach_of(role, action, type) for type in types for action in actions} - {None}
    return next((reach for reach in Reach if reach in found), None)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
