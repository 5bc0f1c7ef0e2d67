"""batch and transaction: POST /fhir. https://hl7.org/fhir/R4/http.html#transaction"""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from typing import Final

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response

from fhir import preferences, responses, transactions
from fhir.audit import Access
from fhir.carrying import Done
from fhir.entries import Entry, Kind
from fhir.interactions import batch, beside, negotiation
from fhir.interactions.record import Record, body_of
from fhir.interactions.record import bundle as bundle_response
from fhir.policy import Action
from fhir.preferences import Returning
from fhir.store import ChangedMeanwhile
from fhir.transactions import Plan
from infra.caller import Caller
from infra.problems import Forbidden, NotFound

TRIES: Final = 3


async def bundle(request: Request, record: Record, caller: Caller) -> Response:
    """200 with the answers in the order of the entries; a transaction that fails anywhere changes nothing."""
    negotiation.given(request)
    body = await body_of(request, limit=record.bundle_limit)
    plan = await _planned(record, body)
    carry_out = batch.carried_out if plan.kind is Kind.BATCH else _carried_out
    done = await carry_out(record, caller, plan)
    preferred = preferences.read(negotiation.listed(request, "prefer")).returning
    returning = preferred or Returning.MINIMAL
    told = await asyncio.to_thread(responses.answer, plan.kind, done, base_url=record.base_url, returning=returning)
    answer = bundle_response(told)
    if preferred is not None:
        answer.headers.update(preferences.applied(preferred))
    return answer


async def _planned(record: Record, body: bytes) -> Plan:
    # Many resources at once: the event loop stays free for others while they are checked.
    async with record.turn if len(body) > record.body_limit else nullcontext():
        return await asyncio.to_thread(transactions.plan, body, base_url=record.base_url)


async def _carried_out(record: Record, caller: Caller, plan: Plan) -> list[Done]:
    tried: list[Access] = []
    asked = [entry for entry in plan.entries if isinstance(entry, Entry)]
    made, left = await asyncio.to_thread(beside.drafted, record.store, asked, plan.left), plan.left
    if any(entry.action is Action.PATCH for entry in made):
        made, left = await beside.patched(record, caller, made, left)
    plan = replace(plan, entries=tuple(made), left=left)

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
