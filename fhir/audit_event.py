"""The log of accesses as FHIR AuditEvents, for the tenant whose log it is.

The shape follows IHE BALP for RESTful activities: who (agent), what (entity), about which patient (entity), when.
https://profiles.ihe.net/ITI/BALP/
"""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from sqlalchemy import Select, func, literal, select
from sqlmodel import Session

from fhir import codec, compartments
from fhir.audit import AUDIT, detail_binding
from fhir.audit_agents import agents
from fhir.audit_lookup import PREFIX, lookup
from fhir.ids import decode, encode
from fhir.policy import Action
from fhir.rows import COMPARTMENT, DATA_KEY, Position, Stored, beyond
from fhir.search.asking import Effort
from fhir.search.match import matches
from fhir.search.parsing import parse
from fhir.search.query import Query
from fhir.search.subjects import patient_of
from infra.problems import Problem
from infra.vault import Sealed, Vault, WrappedKey

STEP: Final = 1000

_TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
_OURS: Final = "https://telemed.example/fhir/sid/"
_BALP: Final = "https://profiles.ihe.net/ITI/BALP/CodeSystem/"
_ACTIONS: Final = {"create": "C", "update": "U", "patch": "U", "delete": "D", "search-type": "E", "operation": "E"}

_SELECT: Final[Select[Any]] = (
    select(
        *AUDIT.c, COMPARTMENT.c.patient_id, DATA_KEY.c.scope, DATA_KEY.c.provider_version, DATA_KEY.c.wrapped
    )
    .outerjoin(COMPARTMENT, COMPARTMENT.c.id == AUDIT.c.compartment)
    .outerjoin(DATA_KEY, DATA_KEY.c.id == AUDIT.c.data_key)
)  # fmt: skip


class Log(NamedTuple):
    """One tenant's log of accesses."""

    vault: Vault
    session: Session
    tenant: str

    def find(self, id: str) -> Stored | None:
        """The event with this id, if it is in this log."""
        number = decode(id.removeprefix(PREFIX))
        if number is None:
            return None
        statement = _SELECT.where(AUDIT.c.id == number, AUDIT.c.tenant == self.tenant)
        row = self.session.connection().execute(statement).mappings().first()
        return None if row is None else _stored(row, _render(self.vault, row))

    def matches(self, query: Query, *, newest_first: bool, after: Position | None, effort: Effort) -> Iterator[Stored]:
        """The events that match, by time."""
        where, order = [AUDIT.c.tenant == self.tenant, *lookup(self.vault, query)], (AUDIT.c.recorded, AUDIT.c.id)
        position, full = after, True
        while full:
            place = [] if position is None else [beyond(*order, after=position, newest_first=newest_first)]
            step = _SELECT.where(*where, *place).limit(STEP)
            step = step.order_by(*(column.desc() if newest_first else column.asc() for column in order))
            rows = self.session.connection().execute(step).mappings().fetchall()
            full = len(rows) == STEP
            for row in rows:
                effort.spend(1)
                position = Position(row["recorded"], row["id"])
                event = _render(self.vault, row)
                if matches("AuditEvent", event, query):
                    yield _stored(row, event)

    def total(self, query: Query, *, effort: Effort) -> int:
        """How many events match."""
        if query.conditions or query.ids is not None:
            return sum(1 for _ in self.matches(query, newest_first=True, after=None, effort=effort))
        where = [AUDIT.c.tenant == self.tenant, *lookup(self.vault, query)]
        rows = select(literal(1)).select_from(AUDIT).where(*where).limit(effort.countable + 1).subquery()
        found = int(self.session.connection().execute(select(func.count()).select_from(rows)).scalar_one())
        effort.counted(found)
        return found


def details(vault: Vault, session: Session, ids: Sequence[int]) -> dict[int, str]:
    """What stands sealed beside these rows of the log, by row id; of those that have anything."""
    return {row["id"]: detail.decode() for row in _rows(session, ids) if (detail := _detail(vault, row))}


def found_unnamed(vault: Vault, session: Session, ids: Sequence[int]) -> frozenset[int]:
    """Which of these rows tell of a search that showed something of a patient whom it had not named."""
    searches = (row for row in _rows(session, ids) if row["action"] == Action.SEARCH and row["compartment"] is not None)
    return frozenset(row["id"] for row in searches if _named(vault, row, _detail(vault, row)) is None)


def _rows(session: Session, ids: Sequence[int]) -> Sequence[Any]:
    return session.connection().execute(_SELECT.where(AUDIT.c.id.in_(ids))).mappings().fetchall() if ids else []


def _stored(row: Any, event: dict[str, Any]) -> Stored:
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    return Stored(
        row["id"], "AuditEvent", event["id"], 1, row["recorded"], row["tenant"], None, deleted=False, body=body
    )


def _render(vault: Vault, row: Any) -> dict[str, Any]:
    moment = codec.instant(row["recorded"])
    return {
        "resourceType": "AuditEvent",
        "id": PREFIX + encode(row["id"]),
        "meta": {"versionId": "1", "lastUpdated": moment},
        "type": {"system": f"{_TERMS}audit-event-type", "code": "rest"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": row["action"]}],
        "action": _ACTIONS.get(row["action"], "R"),
        "recorded": moment,
        "outcome": row["outcome"],
        "purposeOfEvent": [_coded(f"{_TERMS}v3-ActReason", row["purpose"])],
        "agent": agents(row),
        "source": {
            "observer": {"reference": f"Organization/{row['tenant']}"},
            "type": [{"system": f"{_TERMS}security-source-type", "code": "4"}],
        },
        "entity": _entities(vault, row),
    }


def _entities(vault: Vault, row: Any) -> list[dict[str, Any]]:
    detail = _detail(vault, row)
    if row["action"] != Action.SEARCH:
        return [_object(row, detail), *_patient(row["patient_id"]), *_transaction(row)]
    pairs = detail.decode()
    query = f"{row['type']}?{pairs}" if pairs else row["type"]
    asked = {
        "type": _coding("audit-entity-type", "2"),
        "role": _coding("object-role", "24"),
        "query": base64.b64encode(query.encode()).decode("ascii"),
    }
    return [asked, *_patient(_named(vault, row, detail) or row["patient_id"]), *_transaction(row)]


def _object(row: Any, detail: bytes) -> dict[str, Any]:
    entity: dict[str, Any] = {"type": _coding("audit-entity-type", "2"), "role": _coding("object-role", "4")}
    if row["resource_id"]:
        version = f"/_history/{row['version']}" if row["version"] else ""
        entity["what"] = {"reference": f"{row['type']}/{row['resource_id']}{version}"}
        if detail:
            entity["query"] = base64.b64encode(detail).decode("ascii")
    else:
        entity["description"] = detail.decode() or row["type"]
    return entity


def _patient(id: str | None) -> list[dict[str, Any]]:
    patient = {"reference": f"Patient/{id}"}
    entity = {"what": patient, "type": _coding("audit-entity-type", "1"), "role": _coding("object-role", "1")}
    return [] if id is None else [entity]


def _named(vault: Vault, row: Any, detail: bytes) -> str | None:
    """The patient whom a search named, if this is the line about that one: from its own words, as the record would tell
    which of those named are patients. None where the line is about somebody whom the search found.
    """
    with suppress(Problem):  # a search that an older version has understood
        named = patient_of(parse(row["type"], parse_qsl(detail.decode(), keep_blank_values=True)))
        if named is not None and row["compartment"] == compartments.pseudonym(vault, named):
            return named
    return None


def _transaction(row: Any) -> list[dict[str, Any]]:
    # It ties an event to the request's other traces.
    identifier = {"system": f"{_OURS}request", "value": row["request_id"]}
    type = {"system": f"{_BALP}BasicAuditEntityType", "code": "XrequestId"}
    return [{"what": {"identifier": identifier}, "type": type}] if row["request_id"] else []


def _detail(vault: Vault, row: Any) -> bytes:
    if row["detail"] is None or row["wrapped"] is None:
        return b""
    key = WrappedKey(row["data_key"], row["scope"], row["provider_version"], row["wrapped"])
    sealed = Sealed(row["data_key"], row["detail"])
    return vault.open(sealed, key=key, to=detail_binding(row["tenant"], row["id"]))


def _coding(system: str, code: str) -> dict[str, str]:
    return {"system": f"{_TERMS}{system}", "code": code}


def _coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}
