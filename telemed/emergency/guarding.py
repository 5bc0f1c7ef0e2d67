"""The Tasks of reviews change by a review alone: a hook of the record."""

from fhir.store import Change
from infra.caller import Caller
from infra.database import Session
from infra.problems import Conflict
from telemed.emergency.service import TASK


class ReviewElsewhere(Conflict):
    """This task is completed by reviewing the emergency access in the console, by somebody else than who opened it."""


def review_kept(session: Session, caller: Caller, change: Change) -> None:
    """Nothing; `ReviewElsewhere` for a Task of a review that somebody changes or deletes by hand."""
    if change.before is not None and change.id.startswith(TASK):
        raise ReviewElsewhere
