"""A notice ready to leave: what the mail or letter looks like in the end."""

from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlsplit

import msgspec

from telemed.notices.content import Content, Method
from telemed.notices.models import Channel
from telemed.notices.wording import by_hand, words
from telemed.visits.codes import join_url


@dataclass(frozen=True, slots=True)
class House:
    """Who writes: the address people join at, the sender of mails, the phone number for help."""

    base_url: str
    sender: str
    phone: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message; the name says nothing of its content."""

    name: str
    type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A mail or letter."""

    method: Method
    to: str
    subject: str
    text: str
    link: str
    attachments: tuple[Attachment, ...]

    def encode(self) -> bytes:
        """The message as bytes to seal."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, opened: bytes) -> "Message":
        """The message that was sealed."""
        return msgspec.json.decode(opened, type=cls)


def message(content: Content, channel: Channel, *, house: House) -> Message:
    """The mail with its invitation, or the letter as PDF."""
    # Imported here, as everything that draws costs a start half a second (telemed/README.md, decision 4).
    from telemed.notices.invitation import invitation
    from telemed.notices.letter import letter

    said = words(content, phone=house.phone)
    link = join_url(house.base_url, content.code) if content.code else ""
    if channel is Channel.LETTER:
        file = Attachment("letter.pdf", "application/pdf", letter(content, words=said, link=link))
        return Message(content.method, content.name, said.subject, "", link, (file,))
    short = urlsplit(link)
    joining = (f"{said.link_way}\n{link}", by_hand(content, address=f"{short.netloc}{short.path}")) if link else ()
    parts = (said.greeting, *said.paragraphs, *joining, said.last, said.sender, said.help)
    text = "\n\n".join(part for part in parts if part) + "\n"
    if not content.method.is_appointment:
        return Message(content.method, content.mail, said.subject, text, link, ())
    file = Attachment("invite.ics", "text/calendar", invitation(content, sender=house.sender, link=link))
    return Message(content.method, content.mail, said.subject, text, link, (file,))


def mail(content: Content, made: Message, *, house: House, id: str) -> EmailMessage:
    """The message as it goes over SMTP; the same notice always has the same Message-ID."""
    written = EmailMessage()
    written["Subject"] = made.subject
    written["From"] = house.sender
    written["To"] = made.to
    written["Date"] = format_datetime(content.made)
    written["Message-ID"] = f"<{id}@{house.sender.partition('@')[2]}>"
    written["Auto-Submitted"] = "auto-generated"
    written.set_content(made.text)
    for file in made.attachments:
        # RFC 6047: the method stands in the content type too, or mail programs show a mere file.
        written.add_attachment(
            file.body.decode(), subtype="calendar", filename=file.name, params={"method": made.method.value}
        )
    return written
