"""What a visit does when its Appointment changes, whoever changed it: codes and sessions follow in the same unit."""

from fhir.store import Change
from infra.caller import Caller
from infra.database import Session
from telemed.visits import codes

CANCELLED = frozenset({"cancelled", "entered-in-error", "noshow"})


def appointment_changed(session: Session, caller: Caller, change: Change) -> None:
    """Nothing; the codes of a cancelled, moved or fulfilled appointment open nothing any more. A hook of the store."""
    if change.type != "Appointment" or change.before is None:
        return
    if change.after is None or change.after.get("status") in CANCELLED:
        codes.cancel(session, change.id)
    elif change.after.get("status") == "fulfilled":
        codes.finish(session, change.id)
    elif any(change.before.get(edge) != change.after.get(edge) for edge in ("start", "end")):
        codes.revoke(session, change.id)
