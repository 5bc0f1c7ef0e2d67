"""What a notice holds until it is delivered, and who it is for."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

import msgspec

from telemed.notices.addresses import is_mail
from telemed.pages.languages import DEFAULT, LANGUAGES


class Method(StrEnum):
    """What a notice asks the reader's calendar to do (RFC 5546): never PUBLISH, which calendars refuse to take back.

    The last ones are no appointments and ask calendars for nothing.
    """

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"
    OPENED = "OPENED"
    OPENED_HERE = "OPENED_HERE"
    REVIEW = "REVIEW"
    RESTRICTED = "RESTRICTED"
    UNRESTRICTED = "UNRESTRICTED"
    ERASED = "ERASED"

    @property
    def is_appointment(self) -> bool:
        """True where an invitation goes along."""
        return self in (Method.REQUEST, Method.CANCEL)


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that a mail or letter is made of. Never a specialty, a reason or a practitioner's field."""

    method: Method
    appointment_id: str
    sequence: int
    start: datetime
    end: datetime
    made: datetime
    language: str
    mail: str
    name: str
    address: tuple[str, ...]
    code: str
    # The desk made a new code for the same time.
    renewed: bool = False

    @classmethod
    def about(cls, method: Method, id: str, *, start: datetime, end: datetime, made: datetime) -> "Content":
        """A message that is about no appointment, to nobody yet."""
        return cls(method, id, 0, start, end, made, language=DEFAULT, mail="", name="", address=(), code="")

    def encode(self) -> bytes:
        """The content as bytes to seal."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, opened: bytes) -> "Content":
        """The content that was sealed."""
        return msgspec.json.decode(opened, type=cls)


@dataclass(frozen=True, slots=True)
class Recipient:
    """The patient, as far as a notice needs them."""

    name: str
    mail: str
    address: tuple[str, ...]
    language: str
    birth_date: date | None


def recipient_of(patient: dict[str, Any]) -> Recipient:
    """Name, mail and postal address, language and birth date of a Patient."""
    contacts = patient.get("telecom", ())
    mails = [each.get("value", "") for each in contacts if each.get("system") == "email" and each.get("use") != "old"]
    return Recipient(
        name=_name(patient),
        mail=next((mail for mail in mails if is_mail(mail)), ""),
        address=_address(patient),
        language=_language(patient),
        birth_date=_birth_date(patient.get("birthDate", "")),
    )


def _name(patient: dict[str, Any]) -> str:
    names = patient.get("name", ())
    chosen = next((name for name in names if name.get("use") == "official"), names[0] if names else {})
    parts = [*chosen.get("prefix", ()), *chosen.get("given", ()), chosen.get("family", "")]
    return " ".join(part for part in parts if part) or str(chosen.get("text", ""))


def _address(patient: dict[str, Any]) -> tuple[str, ...]:
    addresses = patient.get("address", ())
    if not addresses:
        return ()
    first = addresses[0]
    town = f"{first.get('postalCode', '')} {first.get('city', '')}".strip()
    return tuple(line for line in (*first.get("line", ()), town) if line)


def _language(patient: dict[str, Any]) -> str:
    spoken = patient.get("communication", ())
    for each in sorted(spoken, key=lambda item: not item.get("preferred", False)):
        for coding in each.get("language", {}).get("coding", ()):
            code = str(coding.get("code", "")).split("-")[0].lower()
            if code in LANGUAGES:
                return code
    return DEFAULT


def _birth_date(text: str) -> date | None:
    # A year alone is no second factor.
    return date.fromisoformat(text) if len(text) == len("2000-01-01") else None


def now_to_the_second(moment: datetime) -> datetime:
    """The moment as calendars write it."""
    return moment.astimezone(UTC).replace(microsecond=0)
