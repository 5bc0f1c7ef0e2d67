"""What answers a batch or transaction: an entry for each entry, in their order. https://hl7.org/fhir/R4/http.html#trules"""

from http import HTTPStatus
from typing import Any

from fhir import bundles, codec, entries, outcome
from fhir.carrying import Done
from fhir.entries import Kind
from fhir.preferences import Returning


def answer(kind: Kind, done: list[Done], *, base_url: str, returning: Returning) -> bytes:
    """The Bundle that answers; what was read is always in it, what was written only if it is preferred."""
    telling = outcome.Telling(entries.MOST_ISSUES)
    each = [_entry(one, telling, base_url=base_url, returning=returning) for one in done]
    return bundles.bundle(f"{kind.value}-response", each)


def _entry(done: Done, telling: outcome.Telling, *, base_url: str, returning: Returning) -> bundles.Entry:
    response: dict[str, Any] = {"status": f"{int(done.status)} {HTTPStatus(done.status).phrase}"}
    if done.problem is not None:
        response["outcome"] = outcome.outcome(telling.told(done.problem))
        return bundles.Entry(parts=bundles.Parts({"response": response}))
    if done.stored is None:
        return bundles.Entry(done.body, parts=bundles.Parts({"response": response}))
    stored = done.stored
    if not stored.deleted:
        response["location"] = f"{base_url}/{stored.reference}/_history/{stored.version}"
    response |= {"etag": stored.etag, "lastModified": codec.instant(stored.last_updated)}
    if returning is Returning.OUTCOME and not done.was_read:
        response["outcome"] = outcome.outcome(outcome.Done())
    resource = stored.body if returning is Returning.REPRESENTATION and not done.was_read else done.body
    return bundles.Entry(resource, f"{base_url}/{stored.reference}", bundles.Parts({"response": response}))
