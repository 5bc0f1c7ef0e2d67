"""Jobs: a row in the database is the truth, arq carries its id, an effect happens once.

`enqueue` writes the row in the same atomic unit as what it follows from. A worker finds due rows, hands their ids to
arq, claims each row, runs its handler with the row's id as idempotency key and marks it done. A row whose worker died
comes back after its lease; a row that arq lost is handed over again.
"""

from infra.queue.models import Job, JobState
from infra.queue.outbox import Outbox, enqueue
from infra.queue.worker import Handler, JobQueue, redis_pool

__all__ = ["Handler", "Job", "JobQueue", "JobState", "Outbox", "enqueue", "redis_pool"]
