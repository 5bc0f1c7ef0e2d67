"""batch and transaction: POST /fhir. https://hl7.org/fhir/R4/http.html#transaction"""

import asyncio
from typing import Final

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from fhir import preferences, transactions
from fhir.audit import Access
from fhir.interactions import negotiation
from fhir.interactions.record import Record, body_of
from fhir.interactions.record import bundle as bundle_response
from fhir.preferences import Returning
from fhir.store import ChangedMeanwhile
from fhir.transactions import Done, Plan
from infra.caller import Caller
from infra.problems import Forbidden, NotFound

TRIES: Final = 3


async def bundle(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the answers in the order of the entries; a transaction that fails anywhere changes nothing."""
    negotiation.given(request)
    body = await body_of(request, limit=record.bundle_limit)
    # Many resources at once: the event loop stays free for others while they are checked.
    plan = await asyncio.to_thread(transactions.plan, body, base_url=record.base_url)
    done = await _carried_out(record, caller, plan)
    preferred = preferences.read(negotiation.listed(request, "prefer")).returning
    returning = preferred or Returning.MINIMAL
    answer = bundle_response(transactions.answer(plan, done, base_url=record.base_url, returning=returning))
    if preferred is not None:
        answer.headers.update(preferences.applied(preferred))
    return answer


async def _carried_out(record: Record, caller: Caller, plan: Plan) -> list[Done]:
    tried: list[Access] = []

    def unit(session: Session) -> list[Done]:
        return transactions.run(
            record.store,
            session,
            caller,
            plan=plan,
            base_url=record.base_url,
            trace=tried.append,
            choices=record.choices,
        )

    for _ in range(TRIES):
        try:
            return await record.database.write(unit)
        except ChangedMeanwhile:
            tried.clear()
        except (NotFound, Forbidden):
            await _log_refusal(record, caller, tried[-1])
            raise
    raise ChangedMeanwhile


async def _log_refusal(record: Record, caller: Caller, access: Access) -> None:
    await record.database.write(lambda session: record.store.refused(session, caller, access))
