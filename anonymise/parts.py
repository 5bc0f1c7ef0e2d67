"""The parts of an extraction in the database: begun, read by whoever comes, sealed, put together, removed.

Each part is a job of its own, which any worker does; the command that waits for them does those nobody has begun, from the
other end. A part that was read twice is kept once. One that nobody finished is read again by the next attempt, of the same
frozen moment for a day: after that the record is read anew.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import msgspec
import polars as pl
from sqlmodel import Session, col, delete, select, update

from anonymise.extract import Part
from anonymise.models import JOB, ExtractPart, ExtractRun
from fhir.reader import Reader, Span
from infra.queue import enqueue
from infra.vault import Binding, Sealed, Vault

KEPT: Final = timedelta(days=1)
PERSONS: Final = 2000
"""Persons of a part: a second's work, and some 50 MB of opened resources."""
TENANT: Final = "statistics"


@dataclass(frozen=True, slots=True)
class Run:
    """An extraction under way: its id, its moment, the numbers of its parts."""

    id: str
    frozen: datetime
    parts: int


def begin(session: Session, reader: Reader, id: str, *, now: datetime, persons: int = PERSONS) -> Run:
    """The run of this id: one that was begun within a day goes on, else a new one whose parts are jobs from now on."""
    for old in session.exec(select(ExtractRun.id).where(ExtractRun.frozen < now - KEPT)).all():
        forget(session, old)
    known = session.get(ExtractRun, id)
    if known is None:
        known = ExtractRun(id=id, frozen=now)
        session.add(known)
        for number, span in enumerate(reader.spans(session, at_most=persons)):
            session.add(ExtractPart(run=id, number=number, first=span.first, before=span.before))
            enqueue(session, JOB, ref=f"{id}/{number}")
        session.flush()
    count = len(session.exec(select(ExtractPart.number).where(ExtractPart.run == id)).all())
    return Run(id, known.frozen, count)


def missing(session: Session, id: str) -> list[int]:
    """The numbers of the parts that nobody has read yet."""
    wanted = select(ExtractPart.number).where(ExtractPart.run == id, col(ExtractPart.body).is_(None))
    return sorted(session.exec(wanted).all())


def frozen_of(session: Session, id: str, number: int) -> tuple[datetime, Span] | None:
    """As of when a part is read, and whose it is; None where it was read already or its run is over."""
    run, part = session.get(ExtractRun, id), session.get(ExtractPart, (id, number))
    if run is None or part is None or part.body is not None:
        return None
    return run.frozen, Span(part.first, part.before)


def keep(session: Session, vault: Vault, id: str, number: int, part: Part) -> None:
    """Nothing; the part is kept, sealed, unless somebody else was first."""
    sealed = vault.seal(session, _encoded(part), to=_binding(id, number))
    wanted = update(ExtractPart).where(
        col(ExtractPart.run) == id, col(ExtractPart.number) == number, col(ExtractPart.body).is_(None)
    )
    session.execute(wanted.values(data_key=sealed.data_key, body=sealed.body))


def collected(session: Session, vault: Vault, id: str) -> list[Part]:
    """All parts of a run in which nothing is missing."""
    return list(_opened(session, vault, id))


def forget(session: Session, id: str) -> None:
    """Nothing is left of a run."""
    session.execute(delete(ExtractPart).where(col(ExtractPart.run) == id))
    session.execute(delete(ExtractRun).where(col(ExtractRun.id) == id))
    session.expire_all()


def _opened(session: Session, vault: Vault, id: str) -> Iterator[Part]:
    for part in session.exec(select(ExtractPart).where(ExtractPart.run == id).order_by(col(ExtractPart.number))):
        sealed = Sealed(part.data_key or 0, part.body or b"")
        yield _decoded(vault.open_alone(session, sealed, to=_binding(id, part.number)))


class _Packed(msgspec.Struct, array_like=True):
    persons: bytes
    treated: int
    not_permitted: int
    outside: int
    weeks: dict[date, int]
    clinics: dict[str, int] = {}
    listed: int = 0


def _encoded(part: Part) -> bytes:
    buffer = io.BytesIO()
    part.persons.write_parquet(buffer)
    counts = part.treated, part.not_permitted, part.outside
    packed = _Packed(buffer.getvalue(), *counts, dict(part.weeks), dict(part.clinics), part.listed)
    return msgspec.msgpack.encode(packed)


def _decoded(content: bytes) -> Part:
    packed = msgspec.msgpack.decode(content, type=_Packed)
    persons = pl.read_parquet(io.BytesIO(packed.persons))
    counts = packed.treated, packed.not_permitted, packed.outside
    return Part(persons, *counts, packed.weeks, packed.clinics, packed.listed)


def _binding(id: str, number: int) -> Binding:
    return Binding(TENANT, "Extract", f"{id}/{number}")
