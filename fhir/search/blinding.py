"""From tokens to the bytes that stand for them in the index: nothing can be read off them, and neighbours lie together.

A write puts some twenty rows into the index. Spread by chance over a large one, each would touch a page of its own, and
every page that a commit touches goes to the log of the database as a whole. So the tokens that one patient's codes have,
and those of one day, begin alike. What that tells, the index tells anyway: which rows are about the same patient (the
compartment stands beside them) and which share a day.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from fhir.search.indexing import plan
from fhir.search.parameters import OF, ON, SCALED, SIZE, TO, WITHIN, Token
from infra.vault import Vault

BESIDE: Final = 8  # bytes that neighbours share; the other 8 tell them apart
# What many resources say, of one day or with one code, and of nobody: remembered, at a tenth of what making it anew costs.
_RECURRING: Final = frozenset([ON, WITHIN, SIZE, SCALED])
_PLACE: Final = "@place"  # the name of no search parameter
_DAY: Final = len("2026-11-30")


def blinded(vault: Vault, tokens: Iterable[Token]) -> set[bytes]:
    """The 16 bytes that stand for each token; the same for the same token, under a key of its parameter."""
    known, made, new = vault.remembered, set[bytes](), list[Token]()
    for token in tokens:
        before = known.get(token)
        if before is None:
            new.append(token)
        else:
            made.add(before)
    for token, blind in _blind(vault, new):
        made.add(blind)
        if token[2] in _RECURRING:
            known[token] = blind
    return made


def _blind(vault: Vault, tokens: list[Token]) -> Iterator[tuple[Token, bytes]]:
    places = list(map(_place, tokens))
    distinct = {place: at for at, place in enumerate(dict.fromkeys(filter(None, places)))}
    hashed = vault.index_tokens([*distinct, *tokens])
    for token, place, own in zip(tokens, places, hashed[len(distinct) :], strict=True):
        yield token, own if place is None else hashed[distinct[place]][:BESIDE] + own[:BESIDE]


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
