"""Names for a list: many resources of one type by their ids, in few searches."""

from collections.abc import Iterable
from typing import Any, Final

from fhir.search import parsing
from fhir.store import Store
from infra.caller import Caller
from infra.database import Session

# As many ids as one search parameter may name.
MOST_IDS: Final = 100


def by_id(
    session: Session, store: Store, caller: Caller, *, type: str, ids: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """The resources of one type that the caller may see among these ids. Part of an atomic unit."""
    wanted = sorted(set(ids))
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(wanted), MOST_IDS):
        some = ",".join(wanted[start : start + MOST_IDS])
        asked = parsing.parse(type, [("_id", some), ("_count", str(MOST_IDS)), ("_total", "none")])
        found |= {entry.id: entry.data for entry in store.search(session, caller, asked).entries}
    return found
