"""How a search goes about it: which set of tokens leads, which are only checked, and in which order the rows come.

The rarest set leads. The others are checked row by row with look-ups in the primary key of the index: however large they
are, they are never read as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, func, literal, select

from fhir.rows import RESOURCE, TOKEN
from fhir.search.asking import Asker, Order
from fhir.search.blinding import blinded
from fhir.search.parameters import CODE, OF, SYSTEM_AND_CODE, TO, Token
from fhir.search.query import Query

NARROW: Final = 2000  # rows that are read and sorted in one go
SORTABLE: Final = 20_000  # the same if an order is asked for that the index does not have

IDENTIFYING: Final = ("identifier", "group-identifier", "udi-carrier", "phone", "email", "telecom")

Tokens = tuple[bytes, ...]
TokenSet = frozenset[Token]


@dataclass(frozen=True, slots=True)
class Plan:
    """`lead` is the rarest set of tokens; empty if ids or the type lead. `narrow`: what leads can be read as a whole."""

    order: Order
    lead: Tokens
    checks: tuple[Tokens, ...]
    narrow: bool


def plan(asker: Asker, query: Query, *, order: Order | None = None) -> Plan:
    """How to search, in the order that an earlier page had if there was one."""
    order = order or order_of(query)
    ranked = sorted(query.tokens, key=_rank)
    sets = [tuple(sorted(blinded(asker.vault, either))) for either in ranked]
    if query.ids is not None:
        return Plan(order, (), tuple(sets), narrow=True)
    if not sets:
        return Plan(order, (), (), narrow=False)
    # One token's rows stand in the order of their ids: nothing has to be counted to read them page by page.
    if order is Order.ROW and len(sets[0]) == 1 and (len(sets) == 1 or _is_rare(ranked[0])):
        return Plan(order, sets[0], tuple(sets[1:]), narrow=False)
    most = NARROW if order is Order.ROW else SORTABLE
    sizes = _sizes(asker, sets, most=most + 1)
    lead = sizes.index(min(sizes))
    return Plan(order, sets[lead], tuple(sets[:lead] + sets[lead + 1 :]), narrow=sizes[lead] <= most)


def order_of(query: Query) -> Order:
    """The order that was asked for, or else the one that costs least."""
    # The log of accesses stands in no index of ours: what lies beside it has to come by time, or be sorted.
    is_log = query.type == "AuditEvent"
    if not query.sort:
        return Order.ROW if (query.tokens or query.ids) and not is_log else Order.NEWEST_FIRST
    key = query.sort[0]
    if len(query.sort) > 1 or key.parameter is not None or (is_log and key.name == "_id"):
        return Order.VALUES
    return Order(("-" if key.descending else "") + key.name)


def is_narrow(asker: Asker, query: Query) -> bool:
    """Whether few enough resources come into question to look at all of them."""
    if query.ids is not None or any(map(_is_rare, query.tokens)):
        return True
    if query.tokens:
        return plan(asker, query, order=Order.NEWEST_FIRST).narrow
    return of_type(asker, query.type, most=NARROW + 1) <= NARROW


def of_type(asker: Asker, type: str, *, most: int) -> int:
    """How many rows of a type there are, whoever may see them; so many at most."""
    return _counted(asker, [select(literal(1)).where(RESOURCE.c.type == type).limit(most)])[0]


def is_short(query: Query) -> bool:
    """Whether the answer is sure to cost little: few rows, which the tokens alone decide."""
    asks_others = query.chains or query.has or query.includes or query.revincludes
    is_rare = query.ids is not None or any(map(_is_rare, query.tokens))
    return query.decided and is_rare and order_of(query) is Order.ROW and not asks_others


def _rank(either: TokenSet) -> tuple[int, int]:
    return (0 if _is_rare(either) else 1), len(either)


def _is_rare(either: TokenSet) -> bool:
    """Whether few resources can have such a token: it names a patient, or a thing or person by identifier."""
    return all(token[2] == OF or _names_a_patient(token) or _identifies(token) for token in either)


def _identifies(token: Token) -> bool:
    return token[2] in (CODE, SYSTEM_AND_CODE) and token[0] in IDENTIFYING


def _names_a_patient(token: Token) -> bool:
    return token[2] == TO and token[3].startswith("Patient/")


def _sizes(asker: Asker, sets: Sequence[Tokens], *, most: int) -> list[int]:
    return _counted(asker, [select(literal(1)).where(TOKEN.c.t.in_(tokens)).limit(most) for tokens in sets])


def _counted(asker: Asker, limited: Sequence[Select[Any]]) -> list[int]:
    counts = [select(func.count()).select_from(each.subquery()).scalar_subquery() for each in limited]
    return [int(count) for count in asker.session.connection().execute(select(*counts)).one()]
