"""$validate: would this be accepted? Nothing is stored. https://hl7.org/fhir/R4/resource-operation-validate.html"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from fhir import codec, history, outcome, parameters
from fhir.audit import Access
from fhir.interactions import negotiation
from fhir.interactions.record import HEADERS, Record, aside, body_of, id_of, type_of
from fhir.outcome import MEDIA_TYPE
from fhir.policy import Action
from fhir.rules import Invalid, validate
from fhir.unresolved import refuse_criteria
from infra.caller import Caller
from infra.problems import BadRequest, Issue, Problem

PARAMETERS: Final = ("mode", "profile")
_PLAIN: Final = re.compile(r"https?://[A-Za-z0-9._~/|:-]{1,200}")
_OWN: Final = "http://hl7.org/fhir/StructureDefinition/"


class Mode(Enum):
    """What the client means to do with the resource."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class UnknownProfile(BadRequest):
    """This profile is not known here. Validate without a profile, or against the R4 type itself."""

    issue = "not-supported"


class NothingToValidate(BadRequest):
    """Send the resource as the body, or as the parameter resource; only mode=delete with an id needs none."""

    issue = "required"


@dataclass(frozen=True, slots=True)
class Asked:
    """What to validate, and as what; without a resource the stored one is meant, or nothing."""

    resource: bytes | None
    mode: Mode | None


async def type_validate(request: Request, record: Record, caller: Caller) -> Response:
    """200 with an OperationOutcome: all that is wrong with the resource, or that nothing is."""
    type = type_of(request, Action.CREATE)
    asked = await _asked(request, record, type)
    if asked.mode in (Mode.UPDATE, Mode.DELETE):
        raise BadRequest("The modes update and delete go with an id in the address.")
    record.store.policy.permit(caller, Action.CREATE, type)
    await _log(record, caller, Access(Action.OPERATION, type))
    return await _answer(type, None, asked.resource or b"")


async def instance_validate(request: Request, record: Record, caller: Caller) -> Response:
    """200 with an OperationOutcome about the resource in the body, or else about the stored one."""
    type, id = type_of(request, Action.READ), id_of(request)
    asked = await _asked(request, record, type)
    if asked.mode is Mode.CREATE:
        raise BadRequest("The mode create goes without an id in the address.")
    action = Action.DELETE if asked.mode is Mode.DELETE else Action.UPDATE if asked.resource else Action.READ
    access = Access(action, type, id)
    stored = await record.look(
        caller, access, lambda session: record.store.present(session, caller, action, type=type, id=id)
    )
    await _log(record, caller, Access(Action.OPERATION, type, id, stored.version, stored.compartment))
    if asked.mode is Mode.DELETE:
        return _outcome(None)
    return await _answer(type, id, asked.resource or stored.body)


async def _asked(request: Request, record: Record, type: str) -> Asked:
    given = negotiation.given(request, *PARAMETERS)
    resource: bytes | None = None
    if request.method == "POST":
        resource, posted = await aside(_posted, await body_of(request, limit=record.body_limit))
        given |= posted
    mode = _mode(given.get("mode"))
    _require_known(given.get("profile"), type)
    has_id = "id" in request.path_params
    if resource is None and not (has_id and (mode is Mode.DELETE or request.method == "GET")):
        raise NothingToValidate
    return Asked(resource, mode)


def _posted(body: bytes) -> tuple[bytes | None, dict[str, str]]:
    """The resource in a body, which may be the body itself, and the other parameters."""
    data = codec.load(body)
    if not isinstance(data, dict) or data.get("resourceType") != parameters.TYPE:
        return body, {}
    parts = parameters.read(body, (parameters.RESOURCE, *PARAMETERS))
    resource = parts[parameters.RESOURCE].text().encode() if parameters.RESOURCE in parts else None
    return resource, {name: str(parts[name].value()) for name in PARAMETERS if name in parts}


def _mode(text: str | None) -> Mode | None:
    if text is None:
        return None
    try:
        return Mode(text)
    except ValueError:
        raise BadRequest("The mode must be create, update or delete.") from None


def _require_known(profile: str | None, type: str) -> None:
    if profile not in (None, f"{_OWN}{type}", f"{_OWN}{type}|4.0.1"):
        shown = f"The profile {profile}" if _PLAIN.fullmatch(profile or "") else "The profile"
        raise UnknownProfile(f"{shown} is not known here. Validate without a profile, or against the R4 type itself.")


async def _log(record: Record, caller: Caller, access: Access) -> None:
    await record.run(caller, access, lambda session: history.log(record.store, session, caller, access))


async def _answer(type: str, id: str | None, body: bytes) -> Response:
    return _outcome(await aside(lambda body: _found(type, id, body), body))


def _found(type: str, id: str | None, body: bytes) -> Problem | None:
    """What is wrong; a resource of another type or with another id is a finding like any other."""
    try:
        parsed = codec.parse(body, type=type)
        if id is not None and parsed.data.get("id") != id:
            raise Invalid(issues=[Issue("value", "The resource's id must be the one of the address.", (f"{type}.id",))])
        validate(parsed)
        refuse_criteria(parsed)
    except Problem as found:
        return found
    return None


def _outcome(found: Problem | None) -> Response:
    body = outcome.done("Nothing is wrong with it.") if found is None else outcome.body(found)
    return Response(body, headers=HEADERS, media_type=MEDIA_TYPE)
