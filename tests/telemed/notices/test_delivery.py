"""From the booking to the mail: sealed until it leaves, delivered once, and readable by calendars and post."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import icalendar
import pytest
import zxingcpp
from aiosmtpd.controller import Controller
from PIL import Image, ImageDraw
from sqlalchemy import select, text
from sqlmodel import Session, col

from infra.database import Database
from infra.queue import Job
from telemed.notices.delivery import MailRefused, handlers, sink_message
from telemed.notices.message import House, Message
from telemed.notices.models import Notice, NoticeState, SinkMessage
from telemed.notices.service import DELIVER
from telemed.visits import codes
from telemed.visits.codes import Admitted, Refusal, Refused
from telemed.visits.models import JoinCode
from tests.fixtures.processes import free_port
from tests.telemed.booking.clinic import Clinic, appointment, open_clinic, patient
from tests.telemed.notices.printing import read

A4, DOTS = (595, 842), 3  # points, and dots of the printer for each
HOUSE = House("https://telemed.example", "termin@telemed.example", "0431 0000000")


@pytest.fixture
async def clinic(database: Database, tmp_path: Path) -> Clinic:
    """An open clinic."""
    return await open_clinic(database, tmp_path)


async def work(clinic: Clinic, *, smtp_url: str = "", times: int = 1) -> None:
    """Run every delivery job so many times."""
    refs = await clinic.rows(select(col(Job.ref)).where(col(Job.kind) == DELIVER))
    deliver = handlers(clinic.database, clinic.desk.vault, clock=clinic.clock, house=HOUSE, smtp_url=smtp_url)[DELIVER]
    for _ in range(times):
        for ref in refs:
            await deliver(ref, "")


async def sink(clinic: Clinic) -> list[tuple[str, Message]]:
    """What lies in the sink: channel and message."""

    def unit(session: Session) -> list[tuple[str, Message]]:
        kept = session.execute(select(SinkMessage)).scalars()
        return [(each.channel, sink_message(session, clinic.desk.vault, each)) for each in kept]

    return await clinic.database.read(unit)


async def delivered(clinic: Clinic, channel: str) -> list[Message]:
    return [message for name, message in await sink(clinic) if name == channel]


def event_of(message: Message) -> tuple[str, Any]:
    """Method and event of a mail's invitation."""
    calendar = icalendar.Calendar.from_ical(message.attachments[0].body)
    return str(calendar["METHOD"]), calendar.walk("VEVENT")[0]


async def test_a_booking_sends_an_invitation_that_says_nothing_about_why(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    stored = await clinic.write(appointment(slot, description="Ekzem", comment="Haut"))

    await work(clinic)

    mail = (await delivered(clinic, "mail"))[0]
    method, event = event_of(mail)
    assert (method, str(event["SUMMARY"]), int(event["SEQUENCE"])) == ("REQUEST", "Termin", 0)
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (slot.start, slot.end)
    assert str(event["UID"]) == f"{stored.id}@telemed.example"
    assert str(event["ORGANIZER"]) == "mailto:termin@telemed.example"
    assert "Montag, 23. November 2026, 08:00" in mail.text
    assert mail.link in mail.text
    everything = mail.text + mail.subject + mail.attachments[0].body.decode()
    assert not re.search("ekzem|haut|derma|musterhof|erika", everything, re.IGNORECASE)


async def test_a_cancellation_takes_the_same_event_back(clinic: Clinic) -> None:
    stored = await clinic.write(appointment((await clinic.slots())[0]))
    await clinic.update(stored, status="cancelled")

    await work(clinic)

    events = sorted((event_of(m) for m in await delivered(clinic, "mail")), key=lambda e: int(e[1]["SEQUENCE"]))
    assert [(method, int(event["SEQUENCE"])) for method, event in events] == [("REQUEST", 0), ("CANCEL", 1)]
    assert events[0][1]["UID"] == events[1][1]["UID"]
    assert str(events[1][1]["STATUS"]) == "CANCELLED"


async def test_the_letter_has_address_code_and_a_qr_code_of_the_link(clinic: Clinic) -> None:
    await clinic.write(appointment((await clinic.slots())[0]))

    await work(clinic)

    letter = (await delivered(clinic, "letter"))[0]
    pdf = letter.attachments[0].body
    code = letter.link.partition("#")[2]
    assert re.fullmatch("([0-9A-Z]{4}-){2}[0-9A-Z]{4}", code)
    for words in ("Erika Musterfrau", "Dorfstraße 1", "24214 Gettorf", "telemed.example/j", code):
        assert words.encode("latin-1") in pdf
    [seen] = zxingcpp.read_barcodes(printed(pdf))
    assert (seen.text, seen.format.name) == (letter.link, "QRCode")


def printed(pdf: bytes) -> Image.Image:
    """The page as a printer blackens it, as far as it is made of squares: all of the QR code and nothing else."""
    page = Image.new("L", (A4[0] * DOTS, A4[1] * DOTS), "white")
    for square in re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) (-[\d.]+) re f\b", pdf):
        left, up, width, height = (float(number) * DOTS for number in square)
        top = page.height - up
        ImageDraw.Draw(page).rectangle((left, top, left + width - 1, top - height - 1), fill="black")
    return page


async def test_letters_of_other_alphabets_do_not_stop_the_post(clinic: Clinic) -> None:
    name = [{"family": "Łukaszewicz-Öztürk", "given": ["Şule", "Олена"]}]
    await clinic.write(patient(name=name), id="patient-2")
    await clinic.write(appointment((await clinic.slots())[0], patient="patient-2"))

    await work(clinic)

    seen = read((await delivered(clinic, "letter"))[0].attachments[0].body)
    assert "Şule Олена Łukaszewicz-Öztürk" in seen.text


async def test_the_code_of_the_letter_opens_the_appointment_until_it_is_cancelled(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]
    stored = await clinic.write(appointment(slot))
    await work(clinic)
    code = (await delivered(clinic, "letter"))[0].link.partition("#")[2]
    born = datetime(1964, 8, 12, tzinfo=UTC).date()

    def check(session: Session) -> Admitted | Refused:
        now = clinic.clock.now()
        return codes.check(session, clinic.desk.vault, code=code, factors=(born,), now=now, business_now=slot.start)

    opened = await clinic.run(check)
    await clinic.update(stored, status="cancelled")
    closed = await clinic.run(check)

    assert isinstance(opened, Admitted)
    assert opened.appointment_id == stored.id
    assert isinstance(closed, Refused)
    assert closed.reason is Refusal.CANCELLED


async def test_a_booking_makes_a_code_for_half_an_hour_before_until_four_hours_after(clinic: Clinic) -> None:
    slot = (await clinic.slots())[0]

    await clinic.write(appointment(slot))

    [code] = await clinic.rows(select(JoinCode))
    assert (code.opens, code.closes) == (slot.start - timedelta(minutes=30), slot.end + timedelta(hours=4))


async def test_a_moved_appointment_has_a_new_code_and_the_old_one_is_told_apart(clinic: Clinic) -> None:
    first, second = (await clinic.slots())[:2]
    stored = await clinic.write(appointment(first))
    await work(clinic)
    old = (await delivered(clinic, "letter"))[0].link.partition("#")[2]
    await clinic.update(stored, **appointment(second))
    await work(clinic)
    new = {letter.link.partition("#")[2] for letter in await delivered(clinic, "letter")} - {old}
    born = datetime(1964, 8, 12, tzinfo=UTC).date()

    def check(code: str) -> Callable[[Session], Admitted | Refused]:
        now, moment = clinic.clock.now(), second.start
        vault = clinic.desk.vault
        return lambda s: codes.check(s, vault, code=code, factors=(born,), now=now, business_now=moment)

    replaced = await clinic.run(check(old))
    assert isinstance(replaced, Refused)
    assert replaced.reason is Refusal.REPLACED
    assert isinstance(await clinic.run(check(new.pop())), Admitted)


async def test_a_job_that_runs_twice_delivers_once(clinic: Clinic) -> None:
    await clinic.write(appointment((await clinic.slots())[0]))

    await work(clinic, times=3)

    assert sorted(channel for channel, _ in await sink(clinic)) == ["letter", "mail"]
    assert {notice.state for notice in await clinic.rows(select(Notice))} == {NoticeState.DELIVERED}


async def test_without_a_mail_address_everything_goes_by_letter(clinic: Clinic) -> None:
    await clinic.write(patient(mail=""), id="patient-2")
    stored = await clinic.write(appointment((await clinic.slots())[0], patient="patient-2"))
    await clinic.update(stored, status="cancelled")

    await work(clinic)

    assert [channel for channel, _ in await sink(clinic)] == ["letter", "letter"]


async def test_names_addresses_and_codes_stand_nowhere_in_plain(clinic: Clinic) -> None:
    await clinic.write(appointment((await clinic.slots())[0]))
    await work(clinic)
    code = (await delivered(clinic, "letter"))[0].link.partition("#")[2]

    def everything(session: Session) -> str:
        tables = ("notice", "sink_message", "outbox", "booking", "occupancy", "join_code", "slot_time")
        return "".join(str(row) for table in tables for row in session.execute(text(f"SELECT * FROM {table}")))

    seen = await clinic.database.read(everything)
    for secret in (code, code.replace("-", ""), "Musterfrau", "erika@", "Gettorf", "1964-08-12"):
        assert secret not in seen


class Inbox:
    """A mail server's memory."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a mail."""
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@asynccontextmanager
async def mail_server() -> AsyncIterator[tuple[str, Inbox]]:
    """A real SMTP server on loopback."""
    inbox, port = Inbox(), free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield f"smtp://127.0.0.1:{port}", inbox
    finally:
        controller.stop()


async def test_mail_goes_out_over_smtp_where_a_server_is_set(clinic: Clinic) -> None:
    stored = await clinic.write(appointment((await clinic.slots())[0]))

    async with mail_server() as (url, inbox):
        await work(clinic, smtp_url=url, times=2)

    assert [mail["To"] for mail in inbox.mails] == ["erika@musterfrau.example"]
    part = next(inbox.mails[0].iter_attachments())
    assert part.get_content_type() == "text/calendar"
    assert part.get_param("method") == "REQUEST"
    assert stored.id in str(part.get_content())
    assert [channel for channel, _ in await sink(clinic)] == ["letter"], "only what has no server stays here"


async def test_a_mail_server_that_is_down_loses_nothing(clinic: Clinic) -> None:
    await clinic.write(patient(mail="karl@beispiel.example"), id="patient-2")
    await clinic.write(appointment((await clinic.slots())[0], patient="patient-2"))

    with pytest.raises(MailRefused) as refused:
        await work(clinic, smtp_url=f"smtp://127.0.0.1:{free_port()}")

    assert "karl" not in refused.value.text
    async with mail_server() as (url, inbox):
        await work(clinic, smtp_url=url)
    assert len(inbox.mails) == 1
