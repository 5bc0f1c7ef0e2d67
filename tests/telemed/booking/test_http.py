"""Booking over HTTP: statuses, headers, OperationOutcomes, repeated requests, and the outbox of the demo."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from infra.clock import FixedClock
from infra.settings import Environment
from telemed.booking.engine import HOLD
from telemed.schedules.slots import rebuild
from tests.telemed.booking.clinic import CLINIC, OTHER, Resource, patient, role, schedule
from tests.telemed.service import Service


class Front:
    """A clinic's system that talks to the service, and the ids of what it made."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.patient = ""
        self.slots: list[Resource] = []

    async def create(self, resource: Resource) -> str:
        """The id of a new resource."""
        answer = await self.http.post(f"/fhir/{resource['resourceType']}", content=json.dumps(resource))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def call(self, operation: str, body: Resource, **headers: str) -> httpx.Response:
        """The answer to an operation."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(f"/fhir/Appointment/${operation}", content=json.dumps(body), headers=sent)


async def open_front(service: Service) -> Front:
    """A clinic with doctor, schedule, slots and a patient, all made over HTTP."""
    front = Front(await service.system(CLINIC))
    doctor = await front.create({"resourceType": "Practitioner"})
    opening = {"daysOfWeek": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "allDay": True}
    practitioner = {"reference": f"Practitioner/{doctor}"}
    role_id = await front.create(role() | {"practitioner": practitioner, "availableTime": [opening]})
    schedule_id = await front.create(schedule() | {"actor": [{"reference": f"PractitionerRole/{role_id}"}]})
    front.patient = await front.create(patient())
    services = service.services
    await services.database.write(lambda session: rebuild(session, services.calendar, schedule_id))
    found = parameters(**{"patient-reference": {"valueReference": {"reference": f"Patient/{front.patient}"}}})
    answer = await front.call("find", found)
    assert answer.status_code == 200, answer.text
    front.slots = [entry["resource"] for entry in answer.json()["entry"]]
    return front


def parameters(**values: Resource) -> Resource:
    return {"resourceType": "Parameters", "parameter": [{"name": name} | value for name, value in values.items()]}


def reference(id: str) -> Resource:
    return parameters(**{"appointment-reference": {"valueReference": {"reference": f"Appointment/{id}"}}})


async def test_find_hold_book_cancel_over_http(service: Service) -> None:
    front = await open_front(service)

    held = await front.call("hold", reference(front.slots[0]["id"]))
    booked = await front.call("book", reference(held.json()["id"]))
    again = await front.call("book", reference(front.slots[0]["id"]))
    cancelled = await front.call("cancel", reference(held.json()["id"]))
    late = await front.call("cancel", reference(held.json()["id"]))

    statuses = [answer.status_code for answer in (held, booked, again, cancelled, late)]
    assert statuses == [201, 201, 409, 200, 409], again.text
    assert [answer.json()["status"] for answer in (held, booked, cancelled)] == ["pending", "booked", "cancelled"]
    assert held.headers["location"].endswith(f"/fhir/Appointment/{held.json()['id']}/_history/1")
    outcome = again.json()
    assert (outcome["resourceType"], outcome["issue"][0]["code"]) == ("OperationOutcome", "conflict")
    assert "is taken" in outcome["issue"][0]["diagnostics"]


async def test_a_hold_that_has_expired_is_a_409_and_its_time_is_free_again(service: Service) -> None:
    front = await open_front(service)
    held = await front.call("hold", reference(front.slots[0]["id"]))
    later = datetime.now(UTC) + HOLD + timedelta(seconds=1)
    object.__setattr__(service.services.calendar, "clock", FixedClock(later))

    late = await front.call("book", reference(held.json()["id"]))
    other = await front.call("book", reference(front.slots[0]["id"]))

    assert (held.status_code, late.status_code, other.status_code) == (201, 409, 201), other.text
    assert (late.json()["resourceType"], late.json()["issue"][0]["code"]) == ("OperationOutcome", "conflict")
    assert "expired" in late.json()["issue"][0]["diagnostics"]


async def test_a_plain_appointment_and_a_bundle_meet_the_same_engine(service: Service) -> None:
    front = await open_front(service)
    visit = front.slots[0] | {"status": "booked"}
    del visit["id"]
    entry = {"resource": visit, "request": {"method": "POST", "url": "Appointment"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}

    created = await front.http.post("/fhir/Appointment", content=json.dumps(visit))
    second = await front.http.post("/fhir/Appointment", content=json.dumps(visit))
    transaction = await front.http.post("/fhir", content=json.dumps(bundle))
    isik = await front.call("book", visit | {"status": "proposed"})

    statuses = [answer.status_code for answer in (created, second, transaction, isik)]
    assert statuses == [201, 409, 409, 409], transaction.text
    slot = await front.http.get(f"/fhir/{visit['slot'][0]['reference']}")
    assert slot.json()["status"] == "busy"


BAD_CALLS: list[tuple[str, Resource, int]] = [
    ("book", {"resourceType": "Parameters", "parameter": [{"name": "wat", "valueString": "x"}]}, 400),
    ("book", {"resourceType": "Parameters"}, 400),
    ("book", {"resourceType": "Patient"}, 400),
    ("find", parameters(start={"valueBoolean": True}), 400),
    ("find", parameters(start={"valueDateTime": "2026-13-45T00:00:00Z"}), 422),
    ("find", parameters(start={"valueDateTime": "9999-12-31T00:00:00Z"}), 400),
    ("find", parameters(start={"valueDateTime": "9999-12-31T23:59:59-14:00"}), 422),
    ("find", parameters(start={"valueDateTime": "0001-01-01T00:00:00+14:00"}), 422),
    ("find", parameters(end={"valueDateTime": "9999-12-31T23:59:59Z"}), 400),
    ("hold", reference("x" * 52), 404),
    ("hold", reference("never-was"), 404),
    ("book", reference("never-was"), 404),
    ("cancel", reference("never-was"), 404),
]


async def test_bad_calls_get_a_clear_answer(service: Service) -> None:
    front = Front(await service.system(CLINIC))

    answers = [await front.call(operation, body) for operation, body, _ in BAD_CALLS]

    assert [answer.status_code for answer in answers] == [status for _, _, status in BAD_CALLS]
    assert {answer.json()["resourceType"] for answer in answers} == {"OperationOutcome"}


async def test_an_operation_is_a_post(service: Service) -> None:
    http = await service.system(CLINIC)

    answers = [await http.get(f"/fhir/Appointment/{path}") for path in ("$find", "$book", "x/$cancel")]

    assert [(answer.status_code, answer.headers["allow"]) for answer in answers] == [(405, "POST")] * 3


WRONG_PARAMETERS: list[tuple[str, Resource, str]] = [
    ("find", parameters(start={"valueBoolean": True}), "start must come as valueDateTime or valueInstant or valueDate"),
    ("find", parameters(start={"valueDateTime": 5}), "start needs a text in valueDateTime"),
    ("find", parameters(_count={"valueInteger": "5"}), "_count needs a whole number in valueInteger"),
    ("find", parameters(practitioner={"valueReference": {"display": "x"}}), "a text in valueReference.reference"),
    ("find", parameters(start={}), "needs exactly one value, as valueDateTime"),
    ("book", parameters(**{"appt-resource": {"valueString": "x"}}), "must come as a resource"),
]


async def test_a_parameter_of_another_type_is_told_the_type_that_it_needs(service: Service) -> None:
    front = Front(await service.system(CLINIC))

    answers = [await front.call(operation, body) for operation, body, _ in WRONG_PARAMETERS]

    assert {answer.status_code for answer in answers} == {400}
    for answer, (_, _, said) in zip(answers, WRONG_PARAMETERS, strict=True):
        assert said in answer.json()["issue"][0]["diagnostics"]


async def test_a_proposal_without_times_is_asked_for_slot_start_and_end(service: Service) -> None:
    front = Front(await service.system(CLINIC))
    id = await front.create(patient())
    person = {"actor": {"reference": f"Patient/{id}"}, "status": "accepted"}

    refused = await front.call("book", {"resourceType": "Appointment", "status": "proposed", "participant": [person]})

    assert refused.status_code == 422
    assert "Add slot, start and end" in refused.text and "app-3" not in refused.text


async def test_an_unknown_slot_is_a_404(service: Service) -> None:
    front = await open_front(service)
    visit = front.slots[0] | {"slot": [{"reference": "Slot/never-was"}]}
    del visit["id"]

    plain = await front.http.post("/fhir/Appointment", content=json.dumps(visit | {"status": "booked"}))
    isik = await front.call("book", visit)

    assert [plain.status_code, isik.status_code] == [404, 404]


async def test_another_clinics_patient_is_a_404_for_every_operation(service: Service) -> None:
    front = await open_front(service)
    stranger = Front(await service.system(OTHER))
    named = {"valueReference": {"reference": f"Patient/{front.patient}"}}

    found = await stranger.call("find", parameters(**{"patient-reference": named}))
    booked = await stranger.call("book", {k: v for k, v in front.slots[0].items() if k != "id"})
    held = await stranger.call("hold", reference(front.slots[0]["id"]))

    assert [answer.status_code for answer in (found, booked, held)] == [404, 404, 404]


async def test_nobody_books_without_a_token_or_scope(service: Service) -> None:
    front = await open_front(service)
    weak = Front(await service.system("clinic-c", scope="system/Slot.rs"))
    nobody = Front(service.http)

    visit = {name: value for name, value in front.slots[0].items() if name != "id"}

    refused = [await weak.call("find", parameters()), await weak.call("book", visit)]
    unknown = [await nobody.call(operation, {}, content_type="application/fhir+json") for operation in ("find", "book")]

    assert [answer.status_code for answer in refused] == [403, 403]
    assert [answer.status_code for answer in unknown] == [401, 401]


async def test_a_repeated_request_books_once_and_gets_the_same_answer(service: Service) -> None:
    front = await open_front(service)
    body = reference(front.slots[0]["id"])

    answers = await asyncio.gather(*(front.call("book", body, idempotency_key="k1") for _ in range(5)))
    other = await front.call("book", reference(front.slots[1]["id"]), idempotency_key="k1")
    fresh = await front.call("book", body, idempotency_key="k2")

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert (other.status_code, fresh.status_code) == (422, 409)


async def test_a_booking_reaches_the_demos_outbox_by_the_worker(service: Service) -> None:
    front = await open_front(service)

    booked = (await front.call("book", reference(front.slots[0]["id"]))).json()

    messages = await outbox(service, booked["id"], count=2)
    letter = next(each for each in messages if each["channel"] == "letter")
    assert letter["join_url"].startswith("http://localhost:8000/j#")
    assert {each["join_url"] for each in messages} == {letter["join_url"]}
    pdf = await service.http.get(letter["attachments"][0])
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    page = await service.http.get("/dev/outbox", headers={"Accept-Language": "de"})
    assert letter["join_url"] in page.text and "Postausgang der Demo" in page.text
    english = await service.http.get("/dev/outbox", headers={"Accept-Language": "en"})
    assert "Outbox of the demo" in english.text


async def test_the_outbox_does_not_exist_in_production(service: Service) -> None:
    production = service.services.settings.model_copy(update={"environment": Environment.PRODUCTION})
    object.__setattr__(service.services, "settings", production)

    answers = [await service.http.get(path) for path in ("/dev/outbox", "/dev/outbox.json", "/dev/outbox/x/letter.pdf")]

    assert [answer.status_code for answer in answers] == [404, 404, 404]


async def outbox(service: Service, appointment: str, *, count: int) -> list[dict[str, Any]]:
    """The messages about an appointment, once there are so many."""
    async with asyncio.timeout(20):
        while True:
            answer = await service.http.get("/dev/outbox.json", params={"appointment": appointment})
            messages: list[dict[str, Any]] = answer.json()["messages"]
            if len(messages) >= count:
                return messages
            await asyncio.sleep(0.05)  # the worker is another task; it has no event for us


async def test_an_unknown_parameter_is_named_beside_the_known_ones(service: Service) -> None:
    http = await service.system(CLINIC)
    asked = [parameters(**{name: {"valueString": "x"}}) for name in ("begin", "Max Mustermann 1951")]

    answers = [await http.post("/fhir/Appointment/$find", content=json.dumps(body)) for body in asked]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert "begin" in answers[0].text and "start" in answers[0].text
    assert "Mustermann" not in answers[1].text
