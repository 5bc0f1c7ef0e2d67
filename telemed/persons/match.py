"""`Patient/$match`: who could be this patient, graded. http://hl7.org/fhir/R4/patient-operation-match.html

It tells of the Patients that the caller may search anyway, never of another clinic's: a list of candidates must not
become a way to find out who is treated where.
"""

import json
from typing import Final

from sqlmodel import Session

from fhir import audit
from fhir.audit import Access
from fhir.policy import Action
from fhir.store import Store
from infra.caller import Caller
from infra.problems import BadRequest
from telemed.booking.parameters import FLAG, NUMBER, PATIENT, Parameters
from telemed.booking.problems import ParameterWrong
from telemed.persons.candidates import Candidate, candidates
from telemed.persons.log import Kept, note
from telemed.persons.matching import Grade, Patient

KNOWN: Final = {"resource": PATIENT, "count": NUMBER, "onlyCertainMatches": FLAG}
MOST: Final = 50
GRADE: Final = "http://hl7.org/fhir/StructureDefinition/match-grade"


def wanted(given: Parameters) -> tuple[Patient, int, bool]:
    """The Patient to match, how many candidates at most, and whether only a certain one is wanted."""
    resource = given.resource("resource")
    if resource is None:
        raise ParameterWrong("The parameter resource is missing: the Patient to match.")
    count = given.one("count")
    if count is not None and int(count) < 1:
        raise BadRequest("The parameter count must be at least 1.")
    return resource.data, MOST if count is None else min(int(count), MOST), bool(given.one("onlyCertainMatches"))


def match(
    session: Session, store: Store, caller: Caller, *, patient: Patient, count: int, certain: bool
) -> list[Candidate]:
    """The candidates, the most alike first; with `certain` the one that is, or none if it is not one alone."""
    found = candidates(session, store, caller, patient=patient)
    if certain:
        # "If there are multiple potential matches, then the match should not return the results" (R4, $match).
        sure = [each for each in found if each.like.grade is Grade.CERTAIN]
        found = sure if len(sure) == 1 else []
    shown = found[:count]
    for each in shown:
        kept = Kept(each.stored.id, each.stored.compartment or "", caller.tenant)
        note(session, store, caller, patient=kept, operation="$match")
    if not shown:
        blank = Access(Action.OPERATION, "Patient", query="$match")
        audit.record(store.vault, session, caller, access=blank, recorded=store.clock.now())
    return shown


def searchset(found: list[Candidate], *, base: str) -> bytes:
    """The Bundle of the answer; each Patient byte for byte as it is stored."""
    entries = [_entry(each, base=base) for each in found]
    head = f'{{"resourceType":"Bundle","type":"searchset","total":{len(found)}'.encode()
    return head + (b',"entry":[' + b",".join(entries) + b"]}" if entries else b"}")


def _entry(each: Candidate, *, base: str) -> bytes:
    url = json.dumps(f"{base}/Patient/{each.stored.id}").encode()
    search = {
        "extension": [{"url": GRADE, "valueCode": str(each.like.grade)}],
        "mode": "match",
        "score": each.like.score,
    }
    return (
        b'{"fullUrl":' + url + b',"resource":' + each.stored.body + b',"search":' + json.dumps(search).encode() + b"}"
    )
