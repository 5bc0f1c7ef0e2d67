"""Updates, patches and deletes of whatever matches a search: the conditional interactions.

Only the caller's own tenant's resources can match. What is found is held, so that it still matches when it is changed. An
update that finds nothing creates, and claims its criteria like a conditional create (`fhir.conditional`): of several at
once one creates and the others update what it made. https://hl7.org/fhir/R4/http.html#cond-update
"""

from collections.abc import Callable, Sequence
from typing import Final

from sqlmodel import Session

from fhir import rows
from fhir.choices import Choices, ConditionalDelete
from fhir.codec import Parsed
from fhir.conditional import SeveralMatches
from fhir.rows import Stored
from fhir.search.query import Query
from fhir.store import CLAIM_TRIES, ChangedMeanwhile, Store
from infra.caller import Caller
from infra.problems import BadRequest, NotFound, StaleVersion

MOST_DELETED: Final = 100


class AnotherId(BadRequest):
    """The resource's id is not the one of the resource that matches. Leave it out, or send the right one."""

    issue = "value"


class NothingMatches(BadRequest):
    """Nothing matches, and ids are made by the server. Leave the id out to create the resource."""

    issue = "value"


class NothingToUpdate(NotFound):
    """There is nothing here that you may see. Ids are made by the server; create by POST without an id."""


def put(
    store: Store,
    session: Session,
    caller: Caller,
    type: str,
    id: str,
    parsed: Parsed,
    *,
    if_match: int | None,
    choices: Choices,
) -> tuple[Stored, bool]:
    """The next version and False; where clients choose ids, also the new resource under this one and True."""
    if choices.update_creates and if_match is None:
        return store.put(session, caller, type, id, parsed)
    try:
        return store.update(session, caller, type, id, parsed, if_match=if_match), False
    except NotFound as absent:
        # R4 has a 405 where ids are not for clients; what is absent or another tenant's is one 404 in every interaction.
        if choices.update_creates or absent.__class__ is not NotFound:
            raise
        raise NothingToUpdate from None


def update(
    store: Store,
    session: Session,
    caller: Caller,
    parsed: Parsed,
    *,
    query: Query,
    if_match: int | None,
    choices: Choices,
) -> tuple[Stored, bool]:
    """The next version of the one that matches and False, or the new resource and True."""
    for _ in range(CLAIM_TRIES):
        present = held(store, session, caller, query=query)
        named = chosen_id(parsed, present, if_match=if_match, choices=choices)
        if present is not None:
            return store.update(session, caller, present.type, present.id, parsed, if_match=if_match), False
        new = store.draft(parsed, id=named)
        if not store.claimed(session, caller, query=query, rid=new.rid):
            continue
        if named is not None:
            return store.put(session, caller, parsed.type, named, parsed)
        return store.add(session, caller, new), True
    raise ChangedMeanwhile


def chosen_id(parsed: Parsed, present: Stored | None, *, if_match: int | None, choices: Choices) -> str | None:
    """The id that a client gives what it updates by criteria, if any; a problem if it is not what they match."""
    named: str | None = parsed.data.get("id")
    if present is not None:
        if named not in (None, present.id):
            raise AnotherId
        return named
    if if_match is not None:
        raise StaleVersion
    if named is not None and not choices.update_creates:
        raise NothingMatches
    return named


def held(store: Store, session: Session, caller: Caller, *, query: Query) -> Stored | None:
    """The one that matches, which nobody else changes until the unit ends; `SeveralMatches` if there are more."""
    for _ in range(CLAIM_TRIES):
        present = store.own_match(session, caller, query=query)
        if present is None or rows.hold(session, [present]):
            return present
        # It was changed after it was found, and may match no longer. Held as it is now, it is looked for again.
    raise ChangedMeanwhile


def patch(
    store: Store,
    session: Session,
    caller: Caller,
    change: Callable[[bytes], Parsed],
    *,
    query: Query,
    if_match: int | None,
    old: Stored | None = None,
) -> Stored:
    """The next version of the one that matches; `NotFound` if none does, `StaleVersion` if it is another than `old`."""
    present = held(store, session, caller, query=query)
    if present is None:
        raise NotFound
    if old is not None and (present.rid, present.version) != (old.rid, old.version):
        raise StaleVersion
    return store.patch(session, caller, present.type, present.id, change, if_match=if_match)


def delete(
    store: Store, session: Session, caller: Caller, *, query: Query, if_match: int | None, choices: Choices
) -> list[Stored]:
    """What was deleted: the one that matches, none, or all that match if the operator allows it."""
    for _ in range(CLAIM_TRIES):
        found = deletable(store, session, caller, query=query, if_match=if_match, choices=choices)
        if rows.hold(session, found):
            return [store.delete(session, caller, one.type, one.id, if_match=if_match) for one in found]
    raise ChangedMeanwhile


def deletable(
    store: Store, session: Session, caller: Caller, *, query: Query, if_match: int | None, choices: Choices
) -> Sequence[Stored]:
    """What matches and is to be deleted; a problem if it is more than the operator or the client allows."""
    most = MOST_DELETED if choices.conditional_delete is ConditionalDelete.MULTIPLE else 1
    found = store.own_matches(session, caller, query=query, most=most + 1)
    if len(found) > most:
        raise SeveralMatches
    if if_match is not None and len(found) != 1:
        raise StaleVersion
    return found
