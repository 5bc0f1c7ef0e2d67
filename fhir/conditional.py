"""Conditional creates: of several at once with the same criteria, one creates and the others find what it made.

Searching first and creating then lets two clients both find nothing. So the criteria are claimed under a unique blind
token in the same transaction: the second waits for the first, then finds its resource.
https://hl7.org/fhir/R4/http.html#ccreate
"""

from typing import Final, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as unique_insert
from sqlmodel import Session

from fhir.search.conditions import TokenValue
from fhir.search.query import Query
from fhir.tables import UniqueToken
from infra.caller import Caller
from infra.problems import Problem
from infra.statements import Statement
from infra.vault import Vault

IDENTIFIER: Final = "identifier"
UNIQUE: Final = cast(Table, UniqueToken.__table__)  # type: ignore[attr-defined]  # SQLModel does not declare it
_IS_CLAIMED: Final = UNIQUE.c.t == bindparam("claimed_t")
# SQLite has PostgreSQL's words for it.
_CLAIM: Final = Statement(
    unique_insert(UNIQUE)
    .values(t=bindparam("claimed_t"), rid=bindparam("claimed_rid"))
    .on_conflict_do_nothing()
    .returning(UNIQUE.c.rid)
)
_LOCK: Final = Statement(select(UNIQUE.c.rid).where(_IS_CLAIMED).with_for_update())
_TAKE_OVER: Final = Statement(update(UNIQUE).where(_IS_CLAIMED).values(rid=bindparam("claimed_rid")))


class SeveralMatches(Problem):
    """More than one resource matches the criteria. Make them more selective."""

    status, issue = 412, "multiple-matches"


def criteria_token(vault: Vault, caller: Caller, query: Query) -> bytes:
    """What stands for these criteria of this tenant; the order in which they were written does not matter.

    Criteria that name one identifier meet all others that do, with its system or without, whatever else they ask: who
    has waited looks again, so meeting too many costs a wait and nothing else.
    """
    number = _identifier(query)
    flat = [IDENTIFIER, number] if number else [part for pair in sorted(query.pairs) for part in pair]
    return vault.token(f"unique.{query.type}", caller.tenant, *flat)


def _identifier(query: Query) -> str | None:
    """The value of the one identifier that every match has; None if the criteria name none or several."""
    wanted = (one.values for one in query.conditions if one.parameter.name == IDENTIFIER and not one.negated)
    codes = {value.code if isinstance(value, TokenValue) else None for values in wanted for value in values}
    return codes.pop() if len(codes) == 1 else None


def claim(session: Session, token: bytes, *, rid: int) -> bool:
    """True if the criteria are now held for this row; False if another row holds them.

    Either way nobody else can claim them until the unit ends.
    """
    if _CLAIM.first(session, {"claimed_t": token, "claimed_rid": rid}) is not None:
        return True
    # Without the lock two that both find the old resource gone would take its claim over, one after the other.
    _LOCK.first(session, {"claimed_t": token})
    return False


def take_over(session: Session, token: bytes, *, rid: int) -> None:
    """Nothing; a claim whose resource is gone or changed is now held for this row."""
    _TAKE_OVER.run(session, {"claimed_t": token, "claimed_rid": rid})
