"""Delivering notices: the worker's side. A notice is delivered once, however often its job runs.

Into the local sink exactly once, because message and state are one atomic unit. Over SMTP a crash between the server's
yes and our commit sends a second copy with the same Message-ID; no protocol can do better.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote, urlsplit

import structlog
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col, delete

from infra.clock import Clock
from infra.database import Database
from infra.problems import Unavailable
from infra.vault import Binding, Sealed, Vault
from telemed.notices.content import Content
from telemed.notices.message import House, Message, mail, message
from telemed.notices.models import Channel, Notice, NoticeState, SinkMessage
from telemed.notices.service import DELIVER, opened

TIMEOUT = 20.0
# What is about nobody's record any more (the last message after an erasure): time to print and post it.
FAREWELL_KEPT = timedelta(days=14)
Handler = Callable[[str, str], Awaitable[None]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that is still to be delivered."""

    id: str
    channel: Channel
    content: Content


class MailRefused(Unavailable):
    """The mail server does not take the message now."""


def handlers(database: Database, vault: Vault, *, clock: Clock, house: House, smtp_url: str) -> dict[str, Handler]:
    """What the worker runs for `notice.deliver` (ref: a notice). Without an SMTP address mails stay in the sink."""

    async def deliver(ref: str, key: str) -> None:
        waiting = await database.read(lambda session: _waiting(session, vault, ref))
        if waiting is None:
            return
        # Drawing a letter takes a while, and its imports the first time; requests need not wait for it.
        made = await asyncio.to_thread(message, waiting.content, waiting.channel, house=house)
        if waiting.channel is Channel.MAIL and smtp_url:
            await _send(smtp_url, waiting, made, house=house)
            await database.write(lambda session: _delivered(session, ref))
        else:
            await database.write(lambda session: keep(session, vault, ref, made=made, clock=clock))
        log.info("notice_delivered", channel=waiting.channel.value)

    return {DELIVER: deliver}


def sink_binding(kept: SinkMessage) -> Binding:
    """What a message in the sink is sealed to."""
    return Binding(kept.tenant, "sink-message", kept.notice_id, 1, kept.compartment)


def sink_message(session: Session, vault: Vault, kept: SinkMessage) -> Message:
    """A message from the sink."""
    return Message.decode(vault.open_alone(session, Sealed(kept.data_key, kept.body), to=sink_binding(kept)))


def forget_farewells(session: Session, *, now: datetime) -> None:
    """Nothing; messages about nobody's record are gone two weeks after their delivery, and the addresses with them."""
    old = delete(SinkMessage).where(
        col(SinkMessage.compartment) == "", col(SinkMessage.delivered) < now - FAREWELL_KEPT
    )
    session.exec(old)


def _waiting(session: Session, vault: Vault, id: str) -> Waiting | None:
    notice = session.get(Notice, id)
    if notice is None or notice.state == NoticeState.DELIVERED:
        return None
    return Waiting(id, Channel(notice.channel), opened(session, vault, notice))


def _delivered(session: Session, id: str) -> None:
    notice = session.get(Notice, id)
    if notice is not None and not notice.compartment:
        # No erasure would ever find it: what is about nobody's record stays no longer than it has to.
        session.delete(notice)
        session.flush()
    elif notice is not None:
        notice.state = NoticeState.DELIVERED
        session.add(notice)
        session.flush()


def keep(session: Session, vault: Vault, id: str, *, made: Message, clock: Clock) -> None:
    """Nothing; the notice is delivered, and what left lies in the sink."""
    notice = session.get(Notice, id)
    if notice is None:
        return
    kept = SinkMessage(
        notice_id=id,
        appointment_id=notice.appointment_id,
        tenant=notice.tenant,
        compartment=notice.compartment,
        channel=notice.channel,
        delivered=clock.now(),
        data_key=0,
        body=b"",
    )
    sealed = vault.seal(session, made.encode(), to=sink_binding(kept))
    kept.data_key, kept.body = sealed.data_key, sealed.body
    upsert = postgres_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    session.execute(upsert(SinkMessage).values(kept.model_dump()).on_conflict_do_nothing())
    _delivered(session, id)


async def _send(smtp_url: str, waiting: Waiting, made: Message, *, house: House) -> None:
    import aiosmtplib  # only where mails leave (telemed/README.md, decision 4)

    server = urlsplit(smtp_url)
    try:
        await aiosmtplib.send(
            mail(waiting.content, made, house=house, id=waiting.id),
            hostname=server.hostname,
            port=server.port,
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=server.scheme == "smtps",
            timeout=TIMEOUT,
        )
    except (aiosmtplib.SMTPException, OSError) as error:
        # The server's words may repeat the address, so they go no further.
        raise MailRefused from error
