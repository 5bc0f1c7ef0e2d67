"""The FHIR interactions, one file each; this is the table of their routes."""

from typing import Final

from fastapi import APIRouter

from fhir.capability import NO_OPERATIONS, Operations
from fhir.interactions.bundle import bundle
from fhir.interactions.capabilities import capabilities
from fhir.interactions.create import create
from fhir.interactions.delete import delete
from fhir.interactions.history import history
from fhir.interactions.read import read, vread
from fhir.interactions.record import CallerOf, Interaction, Record, RecordOf, guarded
from fhir.interactions.search import search, search_by_post
from fhir.interactions.update import update

__all__ = ["ROUTES", "Record", "router"]

# Searches stand before reads, as `_search` could be taken for an id.
ROUTES: Final[tuple[tuple[str, str, Interaction], ...]] = (
    ("POST", "", bundle),
    ("POST", "/", bundle),
    ("POST", "/{type}/_search", search_by_post),
    ("GET", "/{type}", search),
    ("POST", "/{type}", create),
    ("GET", "/{type}/{id}/_history/{version}", vread),
    ("GET", "/{type}/{id}/_history", history),
    ("GET", "/{type}/{id}", read),
    ("PUT", "/{type}/{id}", update),
    ("DELETE", "/{type}/{id}", delete),
)


def router(
    *, record_of: RecordOf, caller_of: CallerOf, prefix: str = "/fhir", operations: Operations = NO_OPERATIONS
) -> APIRouter:
    """The routes of the record. Every one but metadata asks `caller_of` first; metadata names `operations` too."""
    made = APIRouter()
    made.add_route(f"{prefix}/metadata", capabilities(record_of, operations), methods=["GET"], include_in_schema=False)
    for method, path, interaction in ROUTES:
        endpoint = guarded(interaction, prefix + path, record_of=record_of, caller_of=caller_of)
        made.add_route(prefix + path, endpoint, methods=[method], include_in_schema=False)
    return made
