"""Who took part in an access, as AuditEvent.agent: whoever asked first, then the client, then this server.

IHE BALP names client and server by the way the data goes: a read flows to the client, a search and a write to the server.
https://profiles.ihe.net/ITI/BALP/
"""

from typing import Any, Final

from fhir import here
from fhir.audit import BY
from fhir.policy import Action
from infra.caller import Role

_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_OURS: Final = "https://telemed.example/fhir/"
_SOURCE: Final = (_DCM, "110153")
_DESTINATION: Final = (_DCM, "110152")
# Client, server and user of each kind of interaction.
_GIVEN: Final = (_SOURCE, _DESTINATION, (_PARTICIPATION, "AUT"))
_ASKED: Final = (_SOURCE, _DESTINATION, (_PARTICIPATION, "IRCP"))
_TAKEN: Final = (_DESTINATION, _SOURCE, (_PARTICIPATION, "IRCP"))
_REMOVED: Final = (
    (_DCM, "110150"),
    ("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian"),
    (_PARTICIPATION, "AUT"),
)
_TYPES: Final = {
    Action.CREATE: _GIVEN,
    Action.UPDATE: _GIVEN,
    Action.PATCH: _GIVEN,
    Action.DELETE: _REMOVED,
    Action.SEARCH: _ASKED,
    Action.OPERATION: _ASKED,
}
# Nobody stands behind these: the client itself asked.
_MACHINES: Final = (Role.SYSTEM, Role.SERVICE)
# The address is known while a request lasts; the log does not keep it.
_NOT_KEPT: Final = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"},
    ]
}


def agents(row: Any) -> list[dict[str, Any]]:
    """The agents of a row of the log."""
    client, server, user = _TYPES.get(Action(row["action"]), _TAKEN)
    person, _, app = row["agent"].partition(BY)
    asked = {
        "role": [{"coding": [{"system": f"{_OURS}CodeSystem/role", "code": row["role"]}]}],
        "who": {"identifier": {"system": f"{_OURS}sid/{row['agent_tenant']}/caller", "value": person}},
        "altId": row["agent_tenant"],
        "requestor": True,
    }
    if row["role"] in _MACHINES:
        return [_typed(client, asked | {"network": _NOT_KEPT}), _server(server)]
    # People come through our own pages, of which browser is not known; patients by an app that they allowed, too.
    way = _client(row["agent_tenant"], app) if app else _named("pages")
    pages = {"who": way, "requestor": False, "network": _NOT_KEPT}
    purpose = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": row["purpose"]}]}
    return [_typed(user, asked | {"purposeOfUse": [purpose]}), _typed(client, pages), _server(server)]


def _server(type: tuple[str, str]) -> dict[str, Any]:
    base = here.base()
    network = {"network": {"address": base, "type": "5"}} if base else {"network": _NOT_KEPT}
    return _typed(type, {"who": _named(base or "server"), "requestor": False} | network)


def _client(tenant: str, id: str) -> dict[str, Any]:
    return {"identifier": {"system": f"{_OURS}sid/{tenant}/caller", "value": id}}


def _named(name: str) -> dict[str, Any]:
    return {"identifier": {"system": f"{_OURS}sid/part", "value": name}}


def _typed(type: tuple[str, str], agent: dict[str, Any]) -> dict[str, Any]:
    system, code = type
    return {"type": {"coding": [{"system": system, "code": code}]}} | agent
