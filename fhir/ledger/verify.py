"""The whole log, proved: every row is its leaf, every signed root is the root of its leaves, the record is what was logged.

One snapshot of the database, while the service goes on. Everything is computed anew from the rows; what is stored beside
them (hashes, nodes, peaks) is only ever compared.
"""

from base64 import b64encode
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, func, select
from sqlmodel import Session

from fhir.audit import AUDIT
from fhir.audit_lookup import PREFIX
from fhir.ids import encode, first_after
from fhir.ledger import growth, heads, leaves
from fhir.ledger.handover import Handover, Loss
from fhir.ledger.models import CHECKPOINT, LEAF, NODE
from fhir.ledger.sequencer import LONGEST
from fhir.ledger.statements import HERE, THERE, Signed, Stated, stated, uncopied
from infra.merkle import Frontier, leaf_hash
from infra.statements import Statement
from infra.vault import Vault

AT_ONCE: Final = 5000
MOST_NAMED: Final = 20
COPIED_WITHIN: Final = timedelta(minutes=1)

_PAGE: Final = Statement(
    select(LEAF.c.place, LEAF.c.event, LEAF.c.hash, *leaves.columns())
    .outerjoin(AUDIT, AUDIT.c.id == LEAF.c.event)
    .where(LEAF.c.tenant == bindparam("of_tenant"))
    # Bounded on both sides: with a limit instead PostgreSQL may join the whole rest of the log for each page.
    .where(LEAF.c.place >= bindparam("first"), LEAF.c.place < bindparam("end"))
    .order_by(LEAF.c.place)
)


@dataclass(slots=True)
class Report:
    """What was looked at, how many differences there are, and the first of them in words, without personal data."""

    logs: int = 0
    events: int = 0
    checkpoints: int = 0
    copies: int = 0
    resources: int = 0
    waiting: int = 0
    differences: int = 0
    # What of the log is gone and was said to be, in words; and what is gone and was not, for a new beginning.
    lost: list[str] = field(default_factory=list)
    gone: list[tuple[int, Signed]] = field(default_factory=list)
    held: dict[str, list[int]] = field(default_factory=dict)
    first: list[str] = field(default_factory=list)

    def differs(self, text: str) -> None:
        """Nothing; one more difference is known."""
        self.differences += 1
        if len(self.first) < MOST_NAMED:
            self.first.append(text)


Tell = Callable[[int, int], None]
"""Hears how many events are done, of how many."""


def verify(
    session: Session,
    vault: Vault,
    *,
    notes: Iterator[str] | None,
    handovers: Sequence[str] | None = None,
    retained: Sequence[str] | None = None,
    erased: Collection[str] = (),
    now: datetime,
    tell: Tell,
) -> Report:
    """The report over all logs; `notes`, `handovers` and `retained` are the second place's, None where there is none.

    `erased` are the compartments of which is proven that their keys were destroyed: what was in them may be gone.
    """
    report = Report()
    statements = stated(
        session, vault, notes=notes or iter(()), handovers=handovers, retained=retained, differs=report.differs
    )
    report.lost = [
        f"forgotten: {each.rows} looks from before {each.before.date()}; their leaves are still in the tree"
        for each in statements.forgotten
    ]
    report.lost += [_told(loss, handover) for handover in statements.handovers for loss in handover.losses]
    report.copies = statements.copies
    if notes is not None:
        # Where nothing at all was copied, nothing is on its way either: the place was lost.
        before = now - COPIED_WITHIN if statements.copies else now
        uncopied(session, statements, before=before, differs=report.differs)
    total = int(session.connection().execute(select(func.count()).select_from(LEAF)).scalar_one())
    for tenant in sorted({*_tenants(session), *statements.by_tenant}):
        report.logs += 1
        _Walk(session, tenant, statements, report, lambda: tell(report.events, total)).run()
    _waiting(session, report, now=now)
    report.resources = heads.count(session)
    for difference in heads.differences(session, erased=erased):
        report.differs(difference)
    if resources := heads.count_erased(session, erased):
        report.lost.append(f"erased: {resources} resources of records whose keys were destroyed")
    return report


def lost(report: Report) -> list[Loss]:
    """What is gone, for a handover to give it up: only what the second place alone knows, as after a backup was put back."""
    found = dict[str, list[tuple[int, bytes]]]()
    for size, signed in report.gone:
        if signed.where == THERE:
            found.setdefault(signed.origin, []).append((size, signed.root))
    losses = []
    for log, gone in sorted(found.items()):
        first, (size, root) = min(gone)[0], max(gone)
        kept = max((held for held in report.held.get(log, ()) if held < first), default=0)
        losses.append(Loss(log, kept, size, b64encode(root).decode()))
    return losses


def event_id(row_id: int) -> str:
    """The id under which a row of the log is read as an AuditEvent."""
    return PREFIX + encode(row_id)


@dataclass(slots=True)
class _Walk:
    """One tenant's log, from its first leaf to its last."""

    session: Session
    tenant: str
    statements: Stated
    report: Report
    tell: Callable[[], None]
    tree: Frontier = field(default_factory=Frontier)
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    # No row with such an id is missed.
    forgotten: int = field(init=False)

    def __post_init__(self) -> None:
        moments = [each.before for each in self.statements.forgotten]
        self.forgotten = first_after(max(moments)) if moments else 0

    def run(self) -> None:
        """Nothing; the report knows of this log."""
        signed = self.statements.by_tenant.get(self.tenant, {})
        sizes = sorted(signed)
        due = iter([*sizes, -1])
        size = next(due)
        for row in self._rows():
            if row[0] != self.tree.size:
                self.report.differs(f"leaf removed: number {self.tree.size} of {self.tenant}")
                return
            self._compare(row)
            if self.tree.size == size:
                self._root(signed[size])
                size = next(due)
        for later in (later for later in sizes if later > self.tree.size):
            missed = [each for each in signed[later] if not self.statements.is_given_up(later, each)]
            if not missed:
                continue
            self.report.gone += [(later, each) for each in missed]
            where = " and ".join(sorted({each.where for each in missed}))
            self.report.differs(f"shortened: {self.tenant} has {self.tree.size} events, {later} are signed in {where}")
        if self.tree.size and HERE not in {each.where for each in signed.get(self.tree.size, ())}:
            self.report.differs(f"not signed: {self.tenant} has {self.tree.size} events and no checkpoint of them")
        self._compare_nodes()

    def _rows(self) -> Iterator[Sequence[Any]]:
        newest = select(func.max(LEAF.c.place)).where(LEAF.c.tenant == self.tenant)
        last = self.session.connection().execute(newest).scalar()
        for first in range(0, -1 if last is None else last + 1, AT_ONCE):
            yield from _PAGE.rows(self.session, {"of_tenant": self.tenant, "first": first, "end": first + AT_ONCE})
            self.tell()

    def _compare(self, row: Sequence[Any]) -> None:
        place, event, hashed, *columns = row
        if columns[0] is None and event < self.forgotten:
            pass  # as was signed
        elif columns[0] is None:
            self.report.differs(f"event removed: {event_id(event)}, leaf {place} of {self.tenant}")
        elif leaf_hash(leaves.leaf(columns)) != hashed:
            self.report.differs(f"event changed: {event_id(event)}, leaf {place} of {self.tenant}")
        self.report.events += 1
        closed = self.tree.append(hashed)
        for height in range(growth.STORED_HEIGHTS, len(closed), growth.STORED_HEIGHTS):
            self.nodes[height, (self.tree.size >> height) - 1] = closed[height]

    def _root(self, signed: Sequence[Signed]) -> None:
        root = self.tree.root()
        for each in signed:
            self.report.checkpoints += each.peaks is not None
            if each.root != root:
                if self.statements.is_given_up(self.tree.size, each):
                    continue
                self.report.gone.append((self.tree.size, each))
                self.report.differs(
                    f"history rewritten: the first {self.tree.size} events of {self.tenant} are not those that were "
                    f"signed in {each.where}"
                )
                continue
            if each.where == THERE:
                self.report.held.setdefault(each.origin, []).append(self.tree.size)
            if each.peaks is not None and each.peaks != b"".join(self.tree.peaks):
                self.report.differs(f"peaks changed: checkpoint of {self.tenant} with {self.tree.size} events")

    def _compare_nodes(self) -> None:
        wanted = select(NODE.c.height, NODE.c.place, NODE.c.hash).where(NODE.c.tenant == self.tenant)
        found = {(height, place): hash for height, place, hash in self.session.connection().execute(wanted)}
        for height, place in sorted({*self.nodes, *found}):
            if self.nodes.get((height, place)) != found.get((height, place)):
                self.report.differs(f"node changed: height {height}, number {place} of {self.tenant}")


def _told(loss: Loss, handover: Handover) -> str:
    when = handover.made.date().isoformat()
    return (
        f"lost: of {loss.origin} {loss.signed} events were signed, and those after the first {loss.kept} are gone since "
        f"{when}; it goes on as {handover.new.name}. The reason given: {handover.reason}"
    )


def _tenants(session: Session) -> list[str]:
    connection = session.connection()
    return [
        *connection.execute(select(LEAF.c.tenant).distinct()).scalars(),
        *connection.execute(select(CHECKPOINT.c.tenant).distinct()).scalars(),
    ]


def _waiting(session: Session, report: Report, *, now: datetime) -> None:
    """What is no leaf yet: for a second that is as it should be, then somebody put it there or nobody signs."""
    since = select(AUDIT.c.id).where(growth.is_waiting(0)).order_by(AUDIT.c.id)
    late = first_after(now - LONGEST)
    for (event,) in session.connection().execute(since):
        report.waiting += 1
        if event < late:
            report.differs(
                f"not in the log: {event_id(event)} has waited for more than {LONGEST.seconds // 60} minutes"
            )
