"""The FHIR interactions, one file each; this is the table of their routes."""

from typing import Final

from fastapi import APIRouter

from fhir.capability import NO_OPERATIONS, Operations
from fhir.interactions.bundle import bundle
from fhir.interactions.capabilities import capabilities
from fhir.interactions.create import create
from fhir.interactions.delete import conditional_delete, delete
from fhir.interactions.everything import patient_everything, type_everything
from fhir.interactions.history import instance_history, system_history, type_history
from fhir.interactions.meta import meta, meta_add, meta_delete, system_meta, type_meta
from fhir.interactions.patch import conditional_patch, patch
from fhir.interactions.read import read, vread
from fhir.interactions.record import CallerOf, Interaction, Offer, Record, RecordOf, guarded
from fhir.interactions.search import search, search_by_post, system_search
from fhir.interactions.update import conditional_update, update
from fhir.interactions.validate import instance_validate, type_validate
from fhir.policy import Action

__all__ = ["ROUTES", "Record", "router"]

# What begins with a line or a dollar sign stands before what could be taken for an id.
ROUTES: Final[tuple[tuple[str, str, Interaction, Action | None], ...]] = (
    ("POST", "", bundle, None),
    ("POST", "/", bundle, None),
    ("GET", "", system_search, None),
    ("GET", "/", system_search, None),
    ("POST", "/_search", system_search, None),
    ("GET", "/_history", system_history, None),
    ("GET", "/{type}/_history", type_history, Action.HISTORY_TYPE),
    ("POST", "/{type}/_search", search_by_post, Action.SEARCH),
    ("GET", "/$meta", system_meta, None),
    ("POST", "/$meta", system_meta, None),
    ("GET", "/{type}/$meta", type_meta, Action.SEARCH),
    ("POST", "/{type}/$meta", type_meta, Action.SEARCH),
    ("POST", "/{type}/$validate", type_validate, Action.CREATE),
    ("GET", "/{type}/$everything", type_everything, None),
    ("POST", "/{type}/$everything", type_everything, None),
    ("GET", "/Patient/{id}/$everything", patient_everything, None),
    ("POST", "/Patient/{id}/$everything", patient_everything, None),
    ("GET", "/{type}/{id}/$meta", meta, Action.READ),
    ("POST", "/{type}/{id}/$meta", meta, Action.READ),
    ("POST", "/{type}/{id}/$meta-add", meta_add, Action.UPDATE),
    ("POST", "/{type}/{id}/$meta-delete", meta_delete, Action.UPDATE),
    ("GET", "/{type}/{id}/$validate", instance_validate, Action.READ),
    ("POST", "/{type}/{id}/$validate", instance_validate, Action.READ),
    ("GET", "/{type}", search, Action.SEARCH),
    ("POST", "/{type}", create, Action.CREATE),
    ("PUT", "/{type}", conditional_update, Action.UPDATE),
    ("PATCH", "/{type}", conditional_patch, Action.PATCH),
    ("DELETE", "/{type}", conditional_delete, Action.DELETE),
    ("GET", "/{type}/{id}/_history/{version}", vread, Action.VREAD),
    ("GET", "/{type}/{id}/_history", instance_history, Action.HISTORY),
    ("GET", "/{type}/{id}", read, Action.READ),
    ("PUT", "/{type}/{id}", update, Action.UPDATE),
    ("PATCH", "/{type}/{id}", patch, Action.PATCH),
    ("DELETE", "/{type}/{id}", delete, Action.DELETE),
)


def router(
    *, record_of: RecordOf, caller_of: CallerOf, prefix: str = "/fhir", operations: Operations = NO_OPERATIONS
) -> APIRouter:
    """The routes of the record. Every one but metadata asks `caller_of` first; metadata names `operations` too."""
    made = APIRouter()
    made.add_route(f"{prefix}/metadata", capabilities(record_of, operations), methods=["GET"], include_in_schema=False)
    # One route for a path with all its methods: only so does a 405 name them all.
    paths: dict[str, dict[str, Offer]] = {}
    for method, path, interaction, action in ROUTES:
        paths.setdefault(path, {})[method] = Offer(interaction, action)
    for path, offers in paths.items():
        endpoint = guarded(offers, prefix + path, record_of=record_of, caller_of=caller_of)
        made.add_route(prefix + path, endpoint, methods=list(offers), include_in_schema=False)
    return made
