"""The "my data" letter and the letter with its PIN: two sheets that never carry both, so that one alone opens nothing."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec
from sqlmodel import Session

from fhir import audit
from fhir.audit import Access
from fhir.compartments import pseudonym
from fhir.policy import Action
from infra.caller import Caller
from infra.clock import Clock
from infra.database import Database
from infra.problems import NotFound
from infra.queue import Handler, enqueue
from infra.vault import Sealed, Vault
from telemed.mydata import codes
from telemed.mydata.codes import Issued
from telemed.notices.content import Method, now_to_the_second, recipient_of
from telemed.notices.delivery import keep
from telemed.notices.message import Attachment, House, Message
from telemed.notices.models import Channel, Notice, NoticeState
from telemed.notices.service import binding
from telemed.notices.wording import GREETING, SHORT_WAY, Words, unreviewed, whole
from telemed.pages.languages import N_, translate
from telemed.pages.times import short_day
from telemed.services import Services
from telemed.visits.codes import grouped, normalise

DELIVER: Final = "my-data.letter"
SUBJECT: Final = N_("Your data at this clinic")
ABOUT: Final = N_(
    "With this letter you can look at your own record: who looked at it, what you have agreed to, and what you want to change or take away."
)
PIN_APART: Final = N_(
    "You also need a PIN of six digits. You get it in a second letter or on the phone, never in this one."
)
KEEP: Final = N_("Letter and PIN together open your record. Keep them apart. The letter is valid until %(day)s.")
HELP: Final = N_("Not for emergencies. Danger to life: 112. Doctor on call: 116117. Help with your data: %(phone)s")
PIN_SUBJECT: Final = N_("Your PIN")
PIN_ABOUT: Final = N_("This PIN belongs to the letter “Your data at this clinic”: %(pin)s")
PIN_KEEP: Final = N_("Keep it apart from that letter. Nobody from the clinic will ask you for it.")


class Sheets(StrEnum):
    """What one notice carries."""

    CODE = "code"
    PIN = "pin"


class Held(msgspec.Struct, frozen=True):
    """What a letter is made of, sealed until it is drawn. `secret` is the code or the PIN, never both."""

    sheet: Sheets
    secret: str
    to: tuple[str, ...]
    language: str
    made: datetime
    until: str = ""


@dataclass(frozen=True, slots=True)
class LetterFor:
    """Whom a letter is for, and who has it written."""

    patient_id: str
    caller: Caller


def my_url(base_url: str, code: str) -> str:
    """The address of a letter; the part behind # never reaches a server, a proxy or a log."""
    return f"{base_url.rstrip('/')}/my#{grouped(normalise(code))}"


def issue(session: Session, services: Services, letter: LetterFor, *, pin_by_post: bool) -> Issued:
    """A new code and PIN; the letter with the code is on its way, the PIN in one of its own if wanted. Part of a unit.

    Only for a patient of the caller's own clinic whom the caller may change, and it stands in the log.
    """
    caller, store = letter.caller, services.store
    store.policy.permit(caller, Action.UPDATE, "Patient")
    patient = store.read(session, caller, "Patient", letter.patient_id)
    compartment = pseudonym(services.vault, letter.patient_id)
    if patient.tenant != caller.tenant:
        raise NotFound
    now = services.system_clock.now()
    issued = codes.issue(session, services.vault, compartment=compartment, tenant=caller.tenant, now=now)
    access = Access(
        Action.OPERATION, "Patient", letter.patient_id, patient.version, compartment, query="my-data letter"
    )
    audit.record(services.vault, session, caller, access=access, recorded=services.clock.now())
    to = recipient_of(patient.data)
    made, until = now_to_the_second(services.clock.now()), (now + codes.LIFETIME).date().isoformat()
    held = [Held(Sheets.CODE, issued.code, (to.name, *to.address), to.language, made, until)]
    if pin_by_post:
        held.append(Held(Sheets.PIN, str(issued.pin), (to.name, *to.address), to.language, made))
    for each in held:
        _post(session, services.vault, each, tenant=caller.tenant, compartment=compartment)
    return issued


def handlers(database: Database, vault: Vault, *, clock: Clock, house: House) -> dict[str, Handler]:
    """What the worker runs for `my-data.letter` (ref: a notice)."""

    async def deliver(ref: str, key: str) -> None:
        held = await database.read(lambda session: _waiting(session, vault, ref))
        if held is not None:
            made = await asyncio.to_thread(message, held, house=house)
            await database.write(lambda session: keep(session, vault, ref, made=made, clock=clock))

    return {DELIVER: deliver}


def message(held: Held, *, house: House) -> Message:
    """The letter as PDF, with the link where it carries the code."""
    # Imported here, as everything that draws costs a start half a second (telemed/README.md, decision 4).
    from telemed.notices.letter import Sheet, drawn

    said = words(held, phone=house.phone)
    code = held.secret if held.sheet is Sheets.CODE else ""
    link = my_url(house.base_url, code) if code else ""
    sheet = Sheet(held.to, held.made, code, held.language)
    file = Attachment("letter.pdf", "application/pdf", drawn(sheet, words=said, link=link))
    return Message(Method.REQUEST, held.to[0], said.subject, "", link, (file,))


def words(held: Held, *, phone: str) -> Words:
    """What a sheet says, in the reader's language. No reason, no specialty, no clinic."""
    language = held.language
    if held.sheet is Sheets.CODE:
        day = short_day(date.fromisoformat(held.until), language=language)
        subject, said = SUBJECT, [translate(language, text) % {"day": day} for text in (ABOUT, PIN_APART, KEEP)]
    else:
        shown = {"pin": whole(f"{held.secret[:3]} {held.secret[3:]}", language)}
        subject, said = PIN_SUBJECT, [translate(language, text) % shown for text in (PIN_ABOUT, PIN_KEEP)]
    return Words(
        subject=translate(language, subject),
        greeting=translate(language, GREETING),
        paragraphs=tuple(said),
        short_way=translate(language, SHORT_WAY),
        help=translate(language, HELP) % {"phone": whole(phone, language)},
        unreviewed=unreviewed(language),
    )


def _post(session: Session, vault: Vault, held: Held, *, tenant: str, compartment: str) -> None:
    id = secrets.token_hex(16)
    notice = Notice(
        id=id,
        # No appointment has this id; the column says what a notice is about, and these are about nothing else.
        appointment_id=f"my-data-{id}",
        tenant=tenant,
        compartment=compartment,
        channel=Channel.LETTER,
        sequence=0,
        data_key=0,
        body=b"",
    )
    sealed = vault.seal(session, msgspec.json.encode(held), to=binding(notice))
    notice.data_key, notice.body = sealed.data_key, sealed.body
    session.add(notice)
    enqueue(session, DELIVER, ref=id, key=f"{DELIVER}:{id}")
    session.flush()


def _waiting(session: Session, vault: Vault, id: str) -> Held | None:
    notice = session.get(Notice, id)
    if notice is None or notice.state == NoticeState.DELIVERED:
        return None
    opened = vault.open_alone(session, Sealed(notice.data_key, notice.body), to=binding(notice))
    return msgspec.json.decode(opened, type=Held)
