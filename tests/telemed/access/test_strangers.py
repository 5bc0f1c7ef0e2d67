"""What is not the caller's answers like what is not there: the same bytes, after the same number of statements."""

import json
import re
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event

from infra import statements
from infra.database import Database, Session, Unit
from infra.statements import Form
from tests.telemed.service import Service
from tests.telemed.test_isolation import body, made, observation, patient

ABSENT = "00000000000000000000000000"
PATCH = {"Content-Type": "application/json-patch+json"}
Data = dict[str, Any]
Question = tuple[str, str, Any, dict[str, str]]


def parameters(**references: str) -> Data:
    """Parameters with references."""
    given = [{"name": name.replace("_", "-"), "valueReference": {"reference": to}} for name, to in references.items()]
    return {"resourceType": "Parameters", "parameter": given}


def bundle(kind: str, method: str, url: str, **more: Any) -> Data:
    """A Bundle with one entry."""
    return {"resourceType": "Bundle", "type": kind, "entry": [{"request": {"method": method, "url": url} | more}]}


LABEL = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "x"}]}}]}
STALE = {"If-Match": 'W/"7"'}
# Method, address and body, each about {id}; what is asked about Patient is the same about every type.
QUESTIONS: list[Question] = [
    # First: afterwards the log has the caller's own looks at it.
    ("GET", "AuditEvent?entity=Patient/{id}", None, {}),
    ("GET", "Patient/{id}", None, {}),
    ("HEAD", "Patient/{id}", None, {}),
    ("GET", "Patient/{id}", None, {"If-None-Match": 'W/"1"'}),
    ("GET", "Patient/{id}/_history", None, {}),
    ("GET", "Patient/{id}/_history/1", None, {}),
    ("GET", "Patient/{id}/$meta", None, {}),
    ("POST", "Patient/{id}/$meta-add", LABEL, {}),
    ("GET", "Patient/{id}/$everything", None, {}),
    ("GET", "Patient?_id={id}", None, {}),
    ("GET", "Patient?_id={id}&_summary=count", None, {}),
    ("GET", "Observation?subject=Patient/{id}", None, {}),
    ("GET", "Observation?subject:Patient._id={id}", None, {}),
    ("GET", "Observation?subject=Patient/{id}&_include=Observation:subject", None, {}),
    ("GET", "Patient?_id={id}&_has:Observation:subject:status=final", None, {}),
    ("GET", "Patient?_id={id}&_revinclude=Observation:subject", None, {}),
    ("PUT", "Patient/{id}", {"resourceType": "Patient", "id": "{id}"}, {}),
    ("PUT", "Patient/{id}", {"resourceType": "Patient", "id": "{id}"}, STALE),
    ("PUT", "Patient?_id={id}", {"resourceType": "Patient"}, STALE),
    ("PATCH", "Patient/{id}", [{"op": "add", "path": "/active", "value": True}], PATCH),
    ("PATCH", "Patient/{id}", [{"op": "add", "path": "/active", "value": True}], PATCH | STALE),
    ("PATCH", "Patient?_id={id}", [{"op": "add", "path": "/active", "value": True}], PATCH),
    ("DELETE", "Patient/{id}", None, {}),
    ("DELETE", "Patient/{id}", None, STALE),
    ("DELETE", "Patient?_id={id}", None, {}),
    ("POST", "Appointment/{id}/$cancel", None, {}),
    ("POST", "Appointment/$cancel", parameters(appointment_reference="Appointment/{id}"), {}),
    ("POST", "Appointment/$book", parameters(appointment_reference="Appointment/{id}"), {}),
    ("POST", "Appointment/$hold", parameters(appointment_reference="b1", patient_reference="Patient/{id}"), {}),
    ("POST", "Appointment/$find", parameters(patient_reference="Patient/{id}"), {}),
    ("POST", "Patient/$link", parameters(patient="Patient/{id}", organization="Organization/a"), {}),
    ("POST", "Patient/$merge", parameters(source_patient="Patient/{id}", target_patient=f"Patient/{ABSENT}"), {}),
    ("POST", "Patient/{id}/$validate", {"resourceType": "Patient", "id": "{id}"}, {}),
    ("POST", "", bundle("batch", "GET", "Patient/{id}"), {}),
    ("POST", "", bundle("transaction", "GET", "Patient/{id}"), {}),
    ("POST", "", bundle("batch", "DELETE", "Patient/{id}"), {}),
    ("POST", "", bundle("transaction", "DELETE", "Patient/{id}", ifMatch='W/"7"'), {}),
]


SEARCH: Question = ("GET", "Observation?_id={id}", None, {})


# True in what runs for the request that is looked at. Tasks that were there before (the log's signing, jobs) lack it.
LOOKED_AT: ContextVar[bool] = ContextVar("looked_at", default=False)
RUNNING = threading.local()
# Savepoints are numbered on.
NUMBER = re.compile(r"sa_savepoint_\d+")


@contextmanager
def counting(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements that the database is asked for the requests made while this holds, and for nobody else.

    The log's signing asks beside them, in the same thread and connection, whenever it likes: its first signature makes a
    key. So a statement counts by the unit that asks it, each time that unit runs.
    """
    told: list[str] = []
    one, each = statements._asked, statements._asked_each

    def note(text: str) -> None:
        if getattr(RUNNING, "counts", False):
            told.append(NUMBER.sub("sa_savepoint", text))

    def note_one(driver: Any, text: str, values: Sequence[Any]) -> Any:
        note(text)
        return one(driver, text, values)

    def note_each(driver: Any, form: Form, rows: Any) -> None:
        note(form.text)
        each(driver, form, rows)

    def note_engine(_c: object, _cursor: object, statement: str, *_: object) -> None:
        note(statement)

    event.listen(Engine, "before_cursor_execute", note_engine)
    with monkeypatch.context() as patched:
        patched.setattr(statements, "_asked", note_one)
        patched.setattr(statements, "_asked_each", note_each)
        for way in ("write", "short", "read"):
            patched.setattr(database, way, _of_request(getattr(database, way)))
        LOOKED_AT.set(True)
        yield told
        LOOKED_AT.set(False)
    event.remove(Engine, "before_cursor_execute", note_engine)


def _of_request(way: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The same way into the database, which knows whether a request came by it."""

    async def asked_by(unit: Unit[Any], *more: Any) -> Any:
        if not LOOKED_AT.get():
            return await way(unit, *more)

        def counted(session: Session) -> Any:
            RUNNING.counts = True
            try:
                return unit(session)
            finally:
                RUNNING.counts = False

        return await way(counted, *more)

    return asked_by


async def asked(client: httpx.AsyncClient, question: Question, id: str) -> httpx.Response:
    """The answer to a question about the id."""
    method, path, content, headers = question
    sent = None if content is None else json.dumps(content).replace("{id}", id).encode()
    return await client.request(method, f"/fhir/{path.format(id=id)}".rstrip("/"), content=sent, headers=headers)


def told(answer: httpx.Response, id: str) -> tuple[int, dict[str, str], str]:
    """All that an answer tells, without the id that was asked for and what differs from one answer to the next."""
    names = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
    text = answer.text.replace(id, "ID")
    if "json" in answer.headers.get("content-type", "") and text:
        told = json.loads(text)
        for name in ("id", "timestamp", "meta"):
            told.pop(name, None)
        text = json.dumps(told)
    return answer.status_code, {name: value.replace(id, "ID") for name, value in names.items()}, text


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_foreign_resource_answers_like_an_absent_one(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, stranger = await service.system("a"), await service.system("b")
    foreign = await made(owner, patient())
    await made(owner, observation(foreign))
    absent = foreign[:-1] + ("0" if foreign[-1] != "0" else "1")
    for question in QUESTIONS * 2:
        await asked(stranger, question, ABSENT)  # what only a first request does is done: the clinic's key is known

    for question in QUESTIONS:
        of_foreign = await seen_by(service, stranger, question, foreign, monkeypatch)
        of_absent = await seen_by(service, stranger, question, absent, monkeypatch)

        assert of_foreign == of_absent, question
        assert of_foreign[1], "a question that asks the database nothing shows nothing"
        assert of_foreign[0][0] < 500


async def seen_by(
    service: Service, client: httpx.AsyncClient, question: Question, id: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[tuple[int, dict[str, str], str], list[str]]:
    """All that the answer to a question tells, and the statements behind it."""
    # A unit that fails after it has written makes the service forget the clinic's own key; it is looked up again here.
    await asked(client, SEARCH, ABSENT)
    with counting(service.services.database, monkeypatch) as statements_asked:
        answer = await asked(client, question, id)
    return told(answer, id), statements_asked


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_reference_to_a_foreign_patient_is_taken_like_one_to_nobody(service: Service) -> None:
    owner, stranger = await service.system("a"), await service.system("b")
    foreign = await made(owner, patient())

    answers = [await stranger.post("/fhir/Observation", content=body(observation(id))) for id in (foreign, ABSENT)]

    assert {answer.status_code for answer in answers} == {201}
    assert {tuple(sorted(answer.headers)) for answer in answers} == {tuple(sorted(answers[0].headers))}
