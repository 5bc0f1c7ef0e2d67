"""Whose pages these are: the privacy officer's of a clinic; and the fields of their forms."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request

from infra.caller import Caller, Role
from infra.problems import Forbidden

MAY_ANSWER: Final = frozenset({Role.PRIVACY_OFFICER})
LONGEST: Final = 1000


class NotInYourRole(Forbidden):
    """Your role does not do this."""


def require_officer(caller: Caller) -> None:
    """Nothing; `NotInYourRole` for everybody but a privacy officer."""
    if caller.role not in MAY_ANSWER:
        raise NotInYourRole


async def fields(request: Request) -> dict[str, str]:
    """The texts of a form, each cut at its longest."""
    form: Mapping[str, Any] = await request.form()
    return {name: value[:LONGEST] for name, value in form.items() if isinstance(value, str)}
