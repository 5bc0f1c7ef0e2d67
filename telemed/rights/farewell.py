"""The last message to somebody whose record is erased: that it is (Art. 12 (3) GDPR), and nothing of what was in it.

It is made before the keys go, as the address goes with them, and sealed under the clinic's own key; it leaves the
database with its delivery (`telemed.notices.delivery`). https://gdpr-info.eu/art-12-gdpr/
"""

import secrets
from dataclasses import replace

from sqlmodel import Session

from infra.problems import Gone, NotFound
from telemed.notices.content import Content, Method, now_to_the_second, recipient_of
from telemed.notices.models import Channel
from telemed.notices.service import Office, Visit, tell
from telemed.schedules.calendar import platform
from telemed.services import Services


def tell_erased(session: Session, services: Services, *, tenant: str, patient_id: str) -> None:
    """Nothing; the patient is told by mail, or else by letter, that the record is erased. Part of an atomic unit."""
    try:
        patient = recipient_of(services.record.read(session, platform(tenant), "Patient", patient_id).data)
    except (NotFound, Gone):
        return
    # The machine's clock, as the erasure itself has.
    id, now = secrets.token_hex(16), now_to_the_second(services.eraser.clock.now())
    blank = Content.about(Method.ERASED, id, start=now, end=now, made=now)
    content = replace(blank, mail=patient.mail, name=patient.name, address=patient.address, language=patient.language)
    office = Office(services.vault, services.record, services.clock)
    # About nobody's record any more: no compartment, whose key would be gone.
    visit = Visit(id, tenant, patient_id, tenant, "", start=now, end=now, sequence=0)
    tell(session, office, visit, content, channels=[Channel.MAIL if patient.mail else Channel.LETTER])
