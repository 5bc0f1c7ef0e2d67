"""Calendar invitations (RFC 5545, RFC 5546): stable UID, SEQUENCE raised with each change, REQUEST or CANCEL.

Times are UTC: a single visit needs no time zone rules, and calendars show it locally.
"""

from datetime import datetime

from icalendar import Calendar, Event, vCalAddress, vText

from telemed.notices.content import Content, Method
from telemed.pages.languages import N_, translate
from telemed.visits.following import Following

TITLE = N_("Appointment")


def entry(following: Following, *, made: datetime, sender: str, language: str) -> bytes:
    """An appointment for the reader's own calendar, the same event as in its invitation; it asks nobody for anything."""
    calendar = _calendar()
    event = Event()
    event.add("uid", _uid(following.id, sender))
    event.add("sequence", following.sequence)
    event.add("dtstamp", made)
    event.add("dtstart", following.start)
    event.add("dtend", following.end)
    event.add("summary", vText(translate(language, TITLE)))
    event.add("class", "PRIVATE")
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def invitation(content: Content, *, sender: str, link: str) -> bytes:
    """The invitation to an appointment, or its withdrawal. The title says nothing but that it is an appointment."""
    calendar = _calendar()
    calendar.add("method", content.method.value)
    event = Event()
    event.add("uid", _uid(content.appointment_id, sender))
    event.add("sequence", content.sequence)
    event.add("dtstamp", content.made)
    event.add("dtstart", content.start)
    event.add("dtend", content.end)
    event.add("summary", vText(translate(content.language, TITLE)))
    event.add("status", "CANCELLED" if content.method is Method.CANCEL else "CONFIRMED")
    event.add("class", "PRIVATE")
    event.add("organizer", vCalAddress(f"mailto:{sender}"))
    attendee = vCalAddress(f"mailto:{content.mail}")
    attendee.params["ROLE"] = vText("REQ-PARTICIPANT")
    attendee.params["PARTSTAT"] = vText("NEEDS-ACTION")
    attendee.params["RSVP"] = vText("FALSE")
    event.add("attendee", attendee, encode=False)
    if link:
        event.add("description", vText(link))
        event.add("url", link)
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def _calendar() -> Calendar:
    made = Calendar()
    made.add("prodid", "-//telemed-platform//DE")
    made.add("version", "2.0")
    return made


def _uid(appointment_id: str, sender: str) -> str:
    return f"{appointment_id}@{sender.partition('@')[2]}"
