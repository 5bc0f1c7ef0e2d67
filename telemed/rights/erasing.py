"""Erasure at the clinic's word, in two steps: what would be destroyed is looked at, then a word is typed (Art. 17 GDPR).

Nothing brings an erased record back, so one press of a button is not enough.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlmodel import Session

from fhir import compartments, erasure
from infra.caller import Caller
from infra.problems import Unprocessable
from infra.row_security import EVERY, act
from telemed.keys.erasing import Order, erase
from telemed.keys.hold import Standing, standing
from telemed.mydata.record import PURPOSE
from telemed.mydata.requests import Kind, kind_of
from telemed.pages.languages import N_, translate
from telemed.rights import requests
from telemed.rights.farewell import tell_erased
from telemed.rights.requests import AnsweredAlready, Request
from telemed.services import Services

WORD: Final = N_("ERASE")
REASON: Final = "asked for by the patient, decided in the console"


class NotTyped(Unprocessable):
    """The record is erased when the word on the page is typed as it stands there."""


@dataclass(frozen=True, slots=True)
class Planned:
    """Whose record would be destroyed at whose request, how many entries it has, and what stands against it."""

    request: Request
    entries: int
    standing: Standing


def planned(session: Session, services: Services, caller: Caller, *, id: str) -> Planned:
    """What erasing would destroy now; `AnsweredAlready` for a request that asks for something else or is not open."""
    request = _asked(session, services, caller, id=id)
    compartment = compartments.pseudonym(services.vault, request.patient_id)
    act(session, EVERY)  # what other clinics wrote into the record goes with it
    entries = erasure.count(session, compartment)
    return Planned(request, entries, standing(session, compartment, now=services.eraser.clock.now()))


def is_typed(word: str, *, language: str) -> bool:
    """True for the word that the page in this language asks for; capitals or not."""
    return word.strip().casefold() == translate(language, WORD).casefold()


async def erase_asked(services: Services, caller: Caller, *, id: str, word: str, language: str) -> None:
    """Nothing; the record of who asked for it is erased, the request with it. Never against the law's hold."""
    asked = await services.database.write(lambda session: _asked(session, services, caller, id=id))
    if not is_typed(word, language=language):
        raise NotTyped
    farewell = partial(tell_erased, services=services, tenant=caller.tenant, patient_id=asked.patient_id)
    # What is done here is done because the patient asked for it, and the log says so.
    await erase(services.eraser, Order(asked.patient_id, caller._replace(purpose=PURPOSE), REASON, farewell))


def _asked(session: Session, services: Services, caller: Caller, *, id: str) -> Request:
    found = requests.open_request(session, services, caller, id)
    if kind_of(found.data) is not Kind.ERASURE:
        raise AnsweredAlready
    return requests.shown(session, services, caller, found.data)
