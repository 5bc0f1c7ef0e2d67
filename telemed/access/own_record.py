"""What a patient may do with their own record through an app: look, and nothing else.

Their session for one appointment is another matter (`table.py`). Writing is by the ways made for it ("My data": requests
for correction, consents), where somebody answers them.
"""

from typing import Final

from telemed.access.table import GROUP, LOOK, NONE, Group

OWN: Final[dict[Group, str]] = dict.fromkeys(Group, LOOK) | {Group.TRACE: NONE, Group.TECHNICAL: NONE}


def own_letters(type: str) -> str:
    """The letters of cruds that a patient has for the type in their own record."""
    group = GROUP.get(type)
    return OWN[group] if group else NONE
