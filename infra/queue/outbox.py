"""The life of a job's row. Every function here is (part of) an atomic unit."""

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import CursorResult, select, update
from sqlalchemy.dialects.postgresql import insert as unique_insert
from sqlmodel import Session, col

from infra.clock import Clock, SystemClock
from infra.queue.models import Job, JobState
from infra.statements import Statement

# A job that runs longer is taken for dead and done again, so every job must end well before (it is cut off at 50 s).
LEASE: Final = timedelta(seconds=60)
ATTEMPTS: Final = 8
# 2, 4, 8 ... seconds between attempts.
BACK_OFF: Final = 2.0
# Words and ids only: a name or a birth date has a space, an umlaut or a dot and does not pass.
REF: Final = re.compile(r"[A-Za-z0-9_:/\-]{1,80}")
# SQLite has PostgreSQL's words for it.
_ENQUEUE: Final = Statement(
    unique_insert(Job).on_conflict_do_nothing(),
    columns=("id", "kind", "ref", "key", "state", "attempts", "due", "error"),
)


def enqueue(session: Session, kind: str, *, ref: str, due: datetime | None = None, key: str | None = None) -> str:
    """The id of the new job, written in the caller's atomic unit; with a `key` used before, nothing new is made."""
    if not REF.fullmatch(ref):
        raise ValueError("a job takes the id of something, nothing else")
    job_id = secrets.token_hex(16)
    row = {"id": job_id, "kind": kind, "ref": ref, "key": key, "due": due or datetime.now(UTC)}
    _ENQUEUE.run(session, {**row, "state": JobState.PENDING.value, "attempts": 0, "error": ""})
    return job_id


class Outbox:
    """The rows' states, by the machine's clock: leases are about processes, not about appointments."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()

    def due(self, session: Session, *, limit: int = 100) -> list[str]:
        """Ids of pending jobs whose time has come, oldest first."""
        statement = (
            select(col(Job.id))
            .where(col(Job.state) == JobState.PENDING, col(Job.due) <= self._clock.now())
            .order_by(col(Job.due))
            .limit(limit)
        )
        return list(session.execute(statement).scalars())

    def claim(self, session: Session, job_id: str) -> Job | None:
        """The job if this claim won it; None if it is done, given up, or somebody else's."""
        statement = (
            update(Job)
            .where(col(Job.id) == job_id, col(Job.state) == JobState.PENDING)
            .values(state=JobState.CLAIMED.value, claimed=self._clock.now(), attempts=col(Job.attempts) + 1)
        )
        return session.get(Job, job_id, populate_existing=True) if _changed(session, statement) else None

    def done(self, session: Session, job_id: str) -> None:
        """Nothing; the job will not run again."""
        changes = {"state": JobState.DONE.value, "finished": self._clock.now(), "error": ""}
        session.execute(update(Job).where(col(Job.id) == job_id).values(**changes))

    def failed(self, session: Session, job: Job, *, error: str) -> JobState:
        """What becomes of a job whose handler raised: another attempt later, or given up after the last."""
        state = JobState.FAILED if job.attempts >= ATTEMPTS else JobState.PENDING
        due = self._clock.now() + timedelta(seconds=BACK_OFF**job.attempts)
        statement = update(Job).where(col(Job.id) == job.id, col(Job.state) == JobState.CLAIMED)
        session.execute(statement.values(state=state.value, due=due, error=error[:80]))
        return state

    def sweep(self, session: Session) -> int:
        """How many jobs came back because their worker died with them."""
        expired = self._clock.now() - LEASE
        statement = update(Job).where(col(Job.state) == JobState.CLAIMED, col(Job.claimed) < expired)
        return _changed(session, statement.values(state=JobState.PENDING.value))


def _changed(session: Session, statement: Any) -> int:
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount
