"""Merging two Patients of one clinic, and taking it back. FHIR R4 `Patient.link`; the operation is R5's `Patient/$merge`.

Nothing is moved from one record to the other: each stays under its own key, so that unmerging has nothing to sort out.
http://hl7.org/fhir/R4/patient.html#maint, http://hl7.org/fhir/R5/patient-operation-merge.html
"""

from typing import Any

from sqlmodel import Session

from fhir import persons, rows
from fhir.codec import Parsed, parse
from fhir.insurance import number_of
from fhir.rows import Stored
from fhir.rules import validate
from fhir.store import ChangedMeanwhile, Store
from fhir.tables import PersonLink
from infra.caller import Caller
from telemed.persons.kept import MERGE, joined, own
from telemed.persons.log import Kept, note
from telemed.persons.problems import AlreadyMerged, NotMerged, OtherNumbers, SamePatient
from telemed.schedules.resource import changed, without

REPLACED_BY, REPLACES = "replaced-by", "replaces"


def preview(session: Session, store: Store, caller: Caller, *, source_id: str, target_id: str) -> bytes:
    """The target as it would be after the merge; nothing is changed."""
    (source, _), (target, _) = _both(session, store, caller, source_id=source_id, target_id=target_id)
    return _linked(target.body, target.data, other=source.id, type=REPLACES).raw


def merge(session: Session, store: Store, caller: Caller, *, source_id: str, target_id: str) -> Stored:
    """The target, which replaces the source from now on. One atomic unit: both Patients, the person, the log."""
    (source, from_), (target, to) = _both(session, store, caller, source_id=source_id, target_id=target_id)
    after = _linked(source.body, source.data, other=target.id, type=REPLACED_BY)
    _write(session, store, caller, source, parsed=changed(after.raw, active=False))
    made = _linked(target.body, target.data, other=source.id, type=REPLACES)
    result = _write(session, store, caller, target, parsed=made)
    joins = PersonLink(
        one=from_.compartment,
        other=to.compartment,
        kind=MERGE,
        since=store.clock.now(),
        was_active=source.data.get("active"),
    )
    persons.join(session, joins)
    for each in (from_, to):
        note(session, store, caller, patient=each, operation="$merge")
    return result


def unmerge(session: Session, store: Store, caller: Caller, *, source_id: str, target_id: str) -> Stored:
    """The source, as it was but for what others have changed in it since; the target without the link."""
    source, from_ = own(session, store, caller, source_id)
    target, to = own(session, store, caller, target_id)
    _hold(session, source, target)
    link = _merge_of(session, from_)
    if link is None or link.other != to.compartment:
        raise NotMerged
    was_active = link.was_active
    persons.part(session, link.one, link.other)
    parsed = _active_again(_unlinked(source, other=target.id, type=REPLACED_BY), was_active)
    result = _write(session, store, caller, source, parsed=parsed)
    _write(session, store, caller, target, parsed=_unlinked(target, other=source.id, type=REPLACES))
    for each in (from_, to):
        note(session, store, caller, patient=each, operation="$unmerge")
    return result


def _both(
    session: Session, store: Store, caller: Caller, *, source_id: str, target_id: str
) -> tuple[tuple[Stored, Kept], tuple[Stored, Kept]]:
    """Both Patients, held and fit to be merged."""
    if source_id == target_id:
        raise SamePatient
    source, target = own(session, store, caller, source_id), own(session, store, caller, target_id)
    _hold(session, source[0], target[0])
    numbers = {number_of(source[0].data), number_of(target[0].data)} - {None}
    if len(numbers) > 1:
        raise OtherNumbers
    if _merge_of(session, source[1]) is not None or _merge_of(session, target[1]) is not None:
        raise AlreadyMerged
    return source, target


def _hold(session: Session, *patients: Stored) -> None:
    # First the rows, then the persons: a Patient's update takes them in this order, too.
    if not rows.hold(session, patients):
        raise ChangedMeanwhile
    persons.alone(session)


def _merge_of(session: Session, patient: Kept) -> PersonLink | None:
    """The merge by which this Patient was replaced."""
    found = joined(session, patient.compartment)
    return next((link for link, _ in found if link.kind == MERGE and link.one == patient.compartment), None)


def _write(session: Session, store: Store, caller: Caller, old: Stored, *, parsed: Parsed) -> Stored:
    validate(parsed)
    return store.update(session, caller, "Patient", old.id, parsed, if_match=old.version)


def entry(other: str, type: str) -> dict[str, Any]:
    """The `Patient.link` that a merge puts into a Patient."""
    return {"other": {"reference": f"Patient/{other}"}, "type": type}


def _linked(body: bytes, data: dict[str, Any], *, other: str, type: str) -> Parsed:
    return changed(body, link=[*data.get("link", ()), entry(other, type)])


def _unlinked(patient: Stored, *, other: str, type: str) -> Parsed:
    left = [each for each in patient.data.get("link", ()) if each != entry(other, type)]
    return changed(patient.body, link=left) if left else parse(without(patient.body, "link"), type="Patient")


def _active_again(source: Parsed, was_active: bool | None) -> Parsed:  # noqa: FBT001  # a value of the record
    if was_active is None:
        return parse(without(source.raw, "active"), type="Patient")
    return changed(source.raw, active=was_active)
