"""`/dev/outbox`: what the demo would have sent. Elsewhere this page does not exist."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import select
from sqlmodel import Session, col

from infra.problems import NotFound
from infra.vault import Vault
from telemed.notices.delivery import sink_message
from telemed.notices.message import Message
from telemed.notices.models import SinkMessage
from telemed.pages.rendering import page
from telemed.services import Services

SHOWN = 200
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}

router = APIRouter(prefix="/dev/outbox", include_in_schema=False)


def demo_only(request: Request) -> Services:
    """The services, in the demo alone: everybody who reaches this page reads everybody's mail."""
    services: Services = request.app.state.services
    if not services.settings.is_demo:
        raise NotFound
    return services


Demo = Annotated[Services, Depends(demo_only)]


@router.get("")
async def outbox(request: Request, services: Demo, appointment: str = "") -> Response:
    """The latest messages, newest first; `?appointment=` shows those of one appointment."""
    found = await services.database.read(lambda session: _messages(session, services.vault, appointment))
    return page(request, "outbox.html", messages=[_shown(kept, message) for kept, message in found])


@router.get(".json")
async def outbox_json(services: Demo, appointment: str = "") -> Response:
    """The same for programs."""
    found = await services.database.read(lambda session: _messages(session, services.vault, appointment))
    entries = [
        {
            "id": kept.notice_id,
            "appointment_id": kept.appointment_id,
            "channel": kept.channel,
            "delivered": kept.delivered.isoformat(),
            "to": message.to,
            "subject": message.subject,
            "text": message.text,
            "join_url": message.link or None,
            "attachments": [_address(kept, name.name) for name in message.attachments],
        }
        for kept, message in found
    ]
    return JSONResponse({"messages": entries}, headers=HEADERS)


@router.get("/{notice_id}/{name}")
async def attachment(services: Demo, notice_id: str, name: str) -> Response:
    """A file that went with a message: the letter as PDF, the invitation as ICS."""

    def find(session: Session) -> Message | None:
        kept = session.get(SinkMessage, notice_id)
        return sink_message(session, services.vault, kept) if kept else None

    found = await services.database.read(find)
    for file in found.attachments if found else ():
        if file.name == name:
            return Response(file.body, media_type=file.type, headers=HEADERS)
    raise NotFound


def _messages(session: Session, vault: Vault, appointment: str) -> list[tuple[SinkMessage, Message]]:
    statement = select(SinkMessage).order_by(col(SinkMessage.delivered).desc(), col(SinkMessage.notice_id)).limit(SHOWN)
    if appointment:
        statement = statement.where(col(SinkMessage.appointment_id) == appointment)
    return [(kept, sink_message(session, vault, kept)) for kept in session.execute(statement).scalars()]


def _shown(kept: SinkMessage, message: Message) -> dict[str, object]:
    return {
        "appointment": kept.appointment_id,
        "channel": kept.channel,
        "delivered": kept.delivered,
        "to": message.to,
        "subject": message.subject,
        "text": message.text,
        "link": message.link,
        "files": [{"name": file.name, "address": _address(kept, file.name)} for file in message.attachments],
    }


def _address(kept: SinkMessage, name: str) -> str:
    return f"/dev/outbox/{kept.notice_id}/{name}"
