"""A resource made ready to be written: everything that needs no database, so it can be done in another process."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from fhir import codec, compartments
from fhir.codec import Parsed
from fhir.ids import new_id, new_row_id
from fhir.search import parameters
from fhir.search.blinding import blinded
from infra.problems import Unprocessable
from infra.vault import Vault

# Each is a row of the index, written while nobody else can write: so many take a fifth of a second. A Group of thousands
# of members fits.
MOST_TOKENS: Final = 10_000


class TooMuchToIndex(Unprocessable):
    """The resource has too many codes, identifiers or references to be searched for. Send it in parts."""

    issue = "too-costly"


class Draft(NamedTuple):
    """A new resource in its first version. `compartment` is the one it names; the store decides if it may enter."""

    rid: int
    type: str
    id: str
    last_updated: datetime
    compartment: str | None
    body: bytes
    tokens: tuple[bytes, ...]
    data: dict[str, Any]


def draft(vault: Vault, parsed: Parsed, *, now: datetime, id: str | None = None) -> Draft:
    """The resource with its id, its body as it will be read, and its index entries."""
    id = id or new_id()
    return Draft(
        rid=new_row_id(),
        type=parsed.type,
        id=id,
        last_updated=now,
        compartment=compartments.named(vault, parsed.type, id, parsed.data),
        body=codec.splice(parsed.raw, id=id, version="1", last_updated=now),
        tokens=tuple(indexed(vault, parsed.type, parsed.data)),
        data=parsed.data,
    )


def blind(vault: Vault, type: str, data: dict[str, Any]) -> set[bytes]:
    """The blind tokens under which a resource is found; each search parameter has a key of its own."""
    return blinded(vault, parameters.tokens(type, data))


def indexed(vault: Vault, type: str, data: dict[str, Any]) -> set[bytes]:
    """The blind tokens of what is written now; `TooMuchToIndex` if they are more than one resource may have."""
    tokens = blinded(vault, parameters.tokens(type, data))
    if len(tokens) > MOST_TOKENS:
        raise TooMuchToIndex
    return tokens
