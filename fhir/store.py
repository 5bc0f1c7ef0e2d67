"""The record: every read and every write of a resource, each inside an atomic unit, each with a caller.

All methods are plain functions of a session (`infra.database`). Parsing and validation happen before the unit. No method
works without a caller, and every query is built from the policy's permit: no route can forget to ask.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from fhir import audit, codec, compartments, conditional, costs, erasure, rows, versions
from fhir.audit import EVERYTHING, REFUSED, Access
from fhir.audit_event import Log
from fhir.audit_lookup import PREFIX
from fhir.codec import Parsed
from fhir.drafts import Draft, blind, draft, indexed
from fhir.insurance import number_of
from fhir.models import KNOWN
from fhir.policy import Action, Permit, Policy, admits
from fhir.rows import SealedRow, Stored
from fhir.search import hits, pages
from fhir.search.asking import Asker, PageEnd
from fhir.search.pages import Page
from fhir.search.query import Query
from fhir.search.subjects import patient_of
from infra.caller import Caller
from infra.clock import Clock
from infra.problems import Conflict, Forbidden, Gone, NotFound, StaleVersion
from infra.row_security import EVERY, act
from infra.vault import Sealed, Vault

CLAIM_TRIES = 3


LONGEST_ID: Final = 64  # characters (https://hl7.org/fhir/R4/datatypes.html#id)


class OutsideScope(Forbidden):
    """The token's scope covers only some resources of this type, and what was sent is not one of them."""


class IdTaken(Conflict):
    """A resource with this id exists already."""


class ChangedMeanwhile(Conflict):
    """Somebody else wrote this resource at the same moment. Repeat the request."""


class Change(NamedTuple):
    """A resource that has just been written: its content before (None: new) and after (None: deleted)."""

    type: str
    id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    stored: Stored


Hook = Callable[[Session, Caller, Change], None]


@dataclass(frozen=True, slots=True)
class Watching:
    """A hook that runs for some types only, so that writes of the others need not wait for what hooks may take."""

    types: frozenset[str]
    hook: Hook

    def __call__(self, session: Session, caller: Caller, change: Change) -> None:
        """Nothing; the hook knows of a change it watches for."""
        if change.type in self.types:
            self.hook(session, caller, change)


class Store:
    """The record. One for a process; it holds no state of its own."""

    def __init__(self, vault: Vault, policy: Policy, clock: Clock, hooks: Sequence[Hook] = ()) -> None:
        self.vault = vault
        self.policy = policy
        self.clock = clock
        self.hooks = tuple(hooks)

    def is_watched(self, type: str) -> bool:
        """True if a hook may run when a resource of this type is written."""
        return any(not isinstance(hook, Watching) or type in hook.types for hook in self.hooks)

    def draft(self, parsed: Parsed, *, id: str | None = None) -> Draft:
        """A new resource made ready, without a database; `id` is for the service itself, clients never choose one."""
        return draft(self.vault, parsed, now=self.clock.now(), id=id)

    def create(self, session: Session, caller: Caller, parsed: Parsed, *, id: str | None = None) -> Stored:
        """The new resource in its first version."""
        return self.add(session, caller, self.draft(parsed, id=id))

    def add(self, session: Session, caller: Caller, new: Draft) -> Stored:
        """The new resource that the draft describes."""
        permit = self.policy.permit(caller, Action.CREATE, new.type)
        act(session, caller.tenant)
        compartment = compartments.entered(
            new.compartment, type=new.type, session=session, caller=caller, permit=permit
        )
        stored = Stored(
            new.rid, new.type, new.id, 1, new.last_updated, caller.tenant, compartment, deleted=False, body=new.body
        )
        _require_shown(permit, stored)
        sealed = rows.seal(self.vault, session, stored)
        try:
            rows.INSERT_RESOURCE.run(session, rows.columns(stored, sealed))
        except IntegrityError as taken:
            raise IdTaken from taken
        if new.type == "Patient":
            made = compartments.row(self.vault, new.id, tenant=caller.tenant, patient=new.data)
            compartments.add(session, [made], numbered=number_of(new.data) is not None)
        rows.add_tokens(session, ((token, stored.rid) for token in new.tokens))
        self._written(session, caller, Action.CREATE, Change(new.type, new.id, None, new.data, stored))
        return stored

    def create_unless(self, session: Session, caller: Caller, new: Draft, *, query: Query) -> tuple[Stored, bool]:
        """The one resource of the caller's tenant that matches and False, or else the new one and True."""
        for _ in range(CLAIM_TRIES):
            present = self.own_match(session, caller, query=query)
            if present is not None:
                self._log(session, caller, Action.READ, present)
                return present, False
            if self.claimed(session, caller, query=query, rid=new.rid):
                return self.add(session, caller, new), True
        raise ChangedMeanwhile

    def claimed(self, session: Session, caller: Caller, *, query: Query, rid: int) -> bool:
        """True if the criteria, which nothing matched, are now held for this row; False if something matches by now."""
        token = conditional.criteria_token(self.vault, caller, query)
        if conditional.claim(session, token, rid=rid):
            return True
        # Held by a row that another transaction has just committed, or by one that no longer matches.
        if self.own_match(session, caller, query=query) is not None:
            return False
        conditional.take_over(session, token, rid=rid)
        return True

    def read(self, session: Session, caller: Caller, type: str, id: str) -> Stored:
        """The present version; `Gone` if it was deleted, `NotFound` if it is absent or not for this caller."""
        if type == "AuditEvent" and id.startswith(PREFIX):
            found = self._log_event(session, caller, id)
        else:
            found = self._present(session, caller, Action.READ, type=type, id=id)
        if found.deleted:
            raise Gone
        self._log(session, caller, Action.READ, found)
        return found

    def vread(self, session: Session, caller: Caller, type: str, id: str, *, version: int) -> Stored:
        """One version, present or past."""
        found = self._present(session, caller, Action.VREAD, type=type, id=id)
        if version != found.version:
            permit = self.policy.permit(caller, Action.VREAD, type)
            wanted = {"wanted_rid": found.rid, "wanted_version": version}
            row = rows.one(session, rows.version(permit.clause), wanted)
            found = self._admitted(session, caller, permit, row=row)
        if found.deleted:
            raise Gone
        self._log(session, caller, Action.VREAD, found)
        return found

    def update(
        self, session: Session, caller: Caller, type: str, id: str, parsed: Parsed, *, if_match: int | None
    ) -> Stored:
        """The resource in its next version; `StaleVersion` if `if_match` names another than the present one."""
        old = self._locked(session, caller, Action.UPDATE, type=type, id=id, if_match=if_match)
        return self._next(session, caller, Action.UPDATE, old=old, parsed=parsed)

    def patch(
        self,
        session: Session,
        caller: Caller,
        type: str,
        id: str,
        change: Callable[[bytes], Parsed],
        *,
        if_match: int | None,
    ) -> Stored:
        """The resource in its next version, made from the present one while nobody else changes it."""
        old = self._locked(session, caller, Action.PATCH, type=type, id=id, if_match=if_match)
        return self._next(session, caller, Action.PATCH, old=old, parsed=change(old.body))

    def put(self, session: Session, caller: Caller, type: str, id: str, parsed: Parsed) -> tuple[Stored, bool]:
        """The next version and False; if there is none, or a deleted one, the resource under this id and True."""
        for _ in range(CLAIM_TRIES):
            try:
                old = self._held(session, caller, Action.UPDATE, type=type, id=id)
                return self._next(session, caller, Action.UPDATE, old=old, parsed=parsed), old.deleted
            except NotFound:
                # What is not this caller's looks like what is absent, until its id turns out to be taken.
                new = self.draft(parsed, id=id)
                if type == "Patient" and new.compartment is not None:
                    erasure.refuse_erased(session, caller, new.compartment)
            with suppress(IdTaken), self.vault.savepoint(session):
                return self.add(session, caller, new), True
        raise IdTaken

    def _next(self, session: Session, caller: Caller, action: Action, *, old: Stored, parsed: Parsed) -> Stored:
        type, id = old.type, old.id
        before, now = old.data, self.clock.now()
        body = codec.splice(parsed.raw, id=id, version=str(old.version + 1), last_updated=now)
        compartment = self._moved(session, caller, old, parsed.data)
        new = Stored(old.rid, type, id, old.version + 1, now, old.tenant, compartment, deleted=False, body=body)
        _require_shown(self.policy.permit(caller, action, type), new)
        sealed = rows.seal(self.vault, session, new)
        self._moved_on(session, old, new=new, sealed=sealed, before=before, after=parsed.data)
        if type == "Patient":
            compartments.follow(self.vault, session, new, before=before, after=parsed.data)
        # Hooks are told of a deleted resource that is there again as of a new one.
        self._written(session, caller, action, Change(type, id, before or None, parsed.data, new))
        return new

    def delete(self, session: Session, caller: Caller, type: str, id: str, *, if_match: int | None = None) -> Stored:
        """The deleted resource: a version without a body. Deleting it again changes nothing."""
        try:
            old = self._locked(session, caller, Action.DELETE, type=type, id=id, if_match=if_match)
        except Gone:
            return self._present(session, caller, Action.DELETE, type=type, id=id)
        before, now = old.data, self.clock.now()
        new = Stored(old.rid, type, id, old.version + 1, now, old.tenant, old.compartment, deleted=True, body=b"")
        self._moved_on(session, old, new=new, sealed=None, before=before, after={})
        self._written(session, caller, Action.DELETE, Change(type, id, before, None, new))
        return new

    def search(self, session: Session, caller: Caller, query: Query, *, after: PageEnd | None = None) -> Page:
        """One page of what matches the query and may be seen by this caller, with the accurate total of it."""
        page = self.found(session, caller, query, after=after)
        self.log_search(session, caller, query, shown=audit.seen(page.resources))
        return page

    def found(self, session: Session, caller: Caller, query: Query, *, after: PageEnd | None) -> Page:
        """The page of a search that is not in the log yet: it may not leave before `log_search` is committed."""
        return pages.page(self.asker(session, caller), query, after=after)

    def log_search(self, session: Session, caller: Caller, query: Query, *, shown: Collection[str]) -> None:
        """Nothing; the search stands in the log, and once more for each other patient of whom its page showed something."""
        now = self.clock.now()
        audit.record(self.vault, session, caller, access=self._asked(query), recorded=now, shown=shown)

    def sealed_search(self, caller: Caller, query: Query) -> dict[str, Any] | None:
        """The line that tells of a search, made without a session; None if the tenant's key is not known here yet."""
        return audit.sealed_row(self.vault, caller, self._asked(query), recorded=self.clock.now())

    def own_match(self, session: Session, caller: Caller, *, query: Query) -> Stored | None:
        """The one resource of the caller's tenant that matches; `SeveralMatches` if there are more."""
        found = self.own_matches(session, caller, query=query, most=2)
        if len(found) > 1:
            raise conditional.SeveralMatches
        return found[0] if found else None

    def own_matches(self, session: Session, caller: Caller, *, query: Query, most: int) -> list[Stored]:
        """The resources of the caller's tenant that match, so many at most."""
        costs.sought()
        return hits.first(self.asker(session, caller), query, limit=most, tenant=caller.tenant)

    def matches(self, session: Session, caller: Caller, *, query: Query, most: int) -> list[Stored]:
        """The resources that match and may be seen, so many at most; it is not in the log yet."""
        costs.sought()
        return hits.first(self.asker(session, caller), query, limit=most)

    def asker(self, session: Session, caller: Caller) -> Asker:
        """What a search needs of the record: every statement of it takes its filter from here."""
        act(session, caller.tenant)
        return Asker(self.vault, session, caller, self.policy)

    def refused(self, session: Session, caller: Caller, access: Access) -> None:
        """Nothing; a refused access stands in the caller's log, and in the owner's if it was about somebody else's."""
        now = self.clock.now()
        # What a client asks for can be anything, a name too: it is sealed like a search.
        type = access.type if access.type in KNOWN else EVERYTHING
        blank = Access(access.action, type, outcome=REFUSED, query=f"{access.type}/{access.id or ''}")
        audit.record(self.vault, session, caller, access=blank, recorded=now)
        if access.id is None or type == EVERYTHING or len(access.id) > LONGEST_ID:
            return
        act(session, EVERY)  # whose it is, is told to nobody but them
        told = Access(access.action, access.type, id=access.id, outcome=REFUSED)
        audit.tell_owner(session, caller, told, recorded=now)

    def present(self, session: Session, caller: Caller, action: Action, *, type: str, id: str) -> Stored:
        """The present version, to be changed next; nothing of it may leave, as it is not in the log."""
        found = self._present(session, caller, action, type=type, id=id)
        if found.deleted:
            raise Gone
        return found

    def _present(self, session: Session, caller: Caller, action: Action, *, type: str, id: str) -> Stored:
        permit = self.policy.permit(caller, action, type)
        act(session, caller.tenant)
        row = rows.one(session, rows.head(permit.clause), {"wanted_id": id, "wanted_type": type})
        return self._admitted(session, caller, permit, row=row)

    def _locked(
        self, session: Session, caller: Caller, action: Action, *, type: str, id: str, if_match: int | None
    ) -> Stored:
        old = self._held(session, caller, action, type=type, id=id)
        if old.deleted:
            raise Gone
        if if_match is not None and if_match != old.version:
            raise StaleVersion(headers={"ETag": old.etag})
        return old

    def _held(self, session: Session, caller: Caller, action: Action, *, type: str, id: str) -> Stored:
        permit = self.policy.permit(caller, action, type)
        act(session, caller.tenant)
        statement = rows.locked_head(permit.clause)
        wanted = {"wanted_id": id, "wanted_type": type}
        # PostgreSQL checks the JOIN again after waiting for a lock; a row whose key has just changed is found again.
        row = rows.one(session, statement, wanted) or rows.one(session, statement, wanted)
        return self._admitted(session, caller, permit, row=row)

    def _admitted(self, session: Session, caller: Caller, permit: Permit, *, row: SealedRow | None) -> Stored:
        if row is None or not admits(permit, session, caller, row=row):
            raise NotFound
        found = rows.opened(self.vault, row)
        if not permit.shows(found):
            raise NotFound
        return found

    def _log_event(self, session: Session, caller: Caller, id: str) -> Stored:
        self.policy.permit(caller, Action.READ, "AuditEvent")
        act(session, caller.tenant)
        found = Log(self.vault, session, caller.tenant).find(id)
        if found is None:
            raise NotFound
        return found

    def _moved(self, session: Session, caller: Caller, old: Stored, data: dict[str, Any]) -> str | None:
        # A resource stays in its compartment as long as it names it, even if its writer's grant has ended since.
        named = compartments.named(self.vault, old.type, old.id, data)
        if named == old.compartment:
            return named
        permit = self.policy.permit(caller, Action.UPDATE, old.type)
        return compartments.entered(named, type=old.type, session=session, caller=caller, permit=permit)

    def _moved_on(
        self,
        session: Session,
        old: Stored,
        *,
        new: Stored,
        sealed: Sealed | None,
        before: dict[str, Any],
        after: dict[str, Any],
    ) -> None:
        costs.changed()
        were = blind(self.vault, new.type, before) if before else set()
        are = indexed(self.vault, new.type, after) if after else set()
        costs.indexed(len(were ^ are))
        if not versions.step(session, old, new, sealed=sealed, gone=were - are, come=are - were):
            raise ChangedMeanwhile

    def _written(self, session: Session, caller: Caller, action: Action, change: Change) -> None:
        self._log(session, caller, action, change.stored)
        self.told(session, caller, change)

    def told(self, session: Session, caller: Caller, change: Change) -> None:
        """Nothing; all hooks know of a write."""
        for hook in self.hooks:
            hook(session, caller, change)
        act(session, caller.tenant)  # a hook may have acted for another: for the clinic whose slot is taken

    def _asked(self, query: Query) -> Access:
        # A search about one patient is a look at that patient, whoever is found. If there is such a patient is not asked.
        patient = patient_of(query)
        compartment = None if patient is None else compartments.pseudonym(self.vault, patient)
        return Access(Action.SEARCH, query.type, compartment=compartment, query=urlencode(query.pairs))

    def _log(self, session: Session, caller: Caller, action: Action, stored: Stored) -> None:
        access = Access(action, stored.type, stored.id, stored.version, stored.compartment)
        audit.record(self.vault, session, caller, access=access, recorded=self.clock.now())


def _require_shown(permit: Permit, new: Stored) -> None:
    if not permit.shows(new):
        raise OutsideScope
