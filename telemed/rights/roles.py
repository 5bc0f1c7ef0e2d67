"""Whose pages these are: the privacy officer's of a clinic; its name on top of them, and the fields of their forms."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request
from sqlmodel import Session

from infra.caller import Caller, Role
from infra.problems import Forbidden
from telemed.pages.summary import name_of
from telemed.services import Services

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


def clinic_of(session: Session, services: Services, caller: Caller) -> str:
    """The name of the officer's clinic. Part of an atomic unit."""
    return name_of(session, services.store, caller, reference=f"Organization/{caller.tenant}")
