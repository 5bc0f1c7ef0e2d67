"""From tokens to the bytes that stand for them in the index: nothing can be read off them, and neighbours lie together.

A write puts some twenty rows into the index. Spread by chance over a large one, each would touch a page of its own, and
every page that a commit touches goes to the log of the database as a whole. So the tokens that one patient's codes have,
and those of one day, begin alike. What that tells, the index tells anyway: which rows are about the same patient (the
compartment stands beside them) and which share a day.
"""

from collections.abc import Iterable
from typing import Final

from fhir.search.indexing import plan
from fhir.search.parameters import OF, ON, SCALED, SIZE, TO, WITHIN, Token
from infra.vault import Vault

BESIDE: Final = 8  # bytes that neighbours share; the other 8 tell them apart
# What many resources say, of one day or with one code, and of nobody: remembered, which costs a fifth of hashing it anew.
_RECURRING: Final = frozenset([ON, WITHIN, SIZE, SCALED])
_PLACE: Final = "@place"  # the name of no search parameter
_DAY: Final = len("2026-11-30")


def blinded(vault: Vault, tokens: Iterable[Token]) -> set[bytes]:
    """The 16 bytes that stand for each token; the same for the same token, under a key of its parameter."""
    asked = list(tokens)
    places = list(map(_place, asked))
    distinct = {place: at for at, place in enumerate(dict.fromkeys(filter(None, places)))}
    hashed = vault.index_tokens([*distinct, *asked], recurring=_RECURRING)
    own = zip(places, hashed[len(distinct) :], strict=True)
    return {made if place is None else hashed[distinct[place]][:BESIDE] + made[:BESIDE] for place, made in own}


def _place(token: Token) -> Token | None:
    """Where the token has its neighbours: whom its code is about, or the day."""
    said = token[2]
    if said in (OF, ON):
        return _PLACE, token[1], said, token[3]
    if said == TO and token[0] in plan(token[1]).anchors:
        return _PLACE, token[1], OF, token[3]
    if said == WITHIN and len(token[3]) == _DAY and plan(token[1]).anchors and token[0] == plan(token[1]).date:
        return _PLACE, token[1], ON, token[3]
    return None
