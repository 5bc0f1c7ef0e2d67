"""What a merge put into two Patients stays there until it is taken back, whatever else is written to them."""

from sqlmodel import Session

from fhir.store import Change, Hook
from infra.caller import Caller
from telemed.persons.kept import MERGE, joined
from telemed.persons.merging import REPLACED_BY, REPLACES, entry
from telemed.persons.problems import StillMerged


def merged_hook() -> Hook:
    """The hook that no way of writing a Patient can avoid."""

    def written(session: Session, caller: Caller, change: Change) -> None:
        compartment = change.stored.compartment
        if change.before is None or compartment is None:
            return
        after = change.after or {}
        for link, other in joined(session, compartment):
            if link.kind != MERGE:
                continue
            replaced = link.one == compartment
            kept = entry(other.id, REPLACED_BY if replaced else REPLACES) in after.get("link", ())
            if not kept or (replaced and after.get("active") is not False):
                raise StillMerged

    return written
