"""How long each grant about one patient really holds.

The patient's own clinic may open the record to anybody. A clinic that was let in may refer on (a specialist needs a
laboratory), but nobody can give more than they have: a grant holds no longer than the grants of the tenant that wrote
it, and ends with them. A tenant therefore can't prolong its own access, not even by a detour over a third one. For the
same reason nothing follows from a grant for a part of the record, and nothing from the word of a clinic to which the
patient denies a part: it could let others see what it may not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one source says: this tenant may look until then, on the word of another tenant."""

    tenant: str
    granted_by: str
    until: datetime
    whole: bool = True  # all of the record, and not a part of it


def settle(claims: Sequence[Claim], *, home: str, denied: Mapping[str, datetime]) -> list[datetime]:
    """Until when each claim holds: the latest end along any chain of claims that begins at the patient's own clinic.

    `denied` says from when on a clinic's word counts no more; that of the patient's own clinic always does, as all that
    others were let in by would end with it. Along a chain the earliest end counts. This is the widest path from `home`, found by repeating until nothing
    changes; a patient has a handful of claims.
    """
    reach: dict[str, datetime] = {home: FOREVER}
    changed = True
    while changed:
        changed = False
        for claim in claims:
            end = min(claim.until, reach.get(claim.granted_by, NEVER), denied.get(claim.tenant, FOREVER))
            if claim.whole and end > reach.get(claim.tenant, NEVER):
                reach[claim.tenant] = end
                changed = True
    return [min(claim.until, reach.get(claim.granted_by, NEVER)) for claim in claims]
