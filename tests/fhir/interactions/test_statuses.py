"""Every interaction's statuses, as a table: what is sent, what comes back. Errors are OperationOutcomes."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from fhir.interactions import negotiation
from fhir.interactions.negotiation import BadParameter, query_of
from tests.fhir.record import BASE, created, patient

JSON_PATCH = {"content-type": "application/json-patch+json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
KVNR = "http://fhir.de/sid/gkv/kvid-10|X123456789"
REPLACE = json.dumps([{"op": "replace", "path": "/gender", "value": "male"}])
FAILING = json.dumps([{"op": "test", "path": "/gender", "value": "male"}])
BROKEN = json.dumps([{"op": "replace", "path": "/gender", "value": "red"}])


@dataclass(frozen=True)
class Case:
    """One request and its status; {id} stands for a Patient that is there, {gone} for one that was deleted."""

    method: str
    path: str
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    says: str = ""  # what the answer's text must hold


def case(method: str, path: str, status: int, body: Any = None, **others: Any) -> Case:
    return Case(method, path, status, body, others.pop("headers", {}), others.pop("says", ""))


BODY = patient(id="{id}")
CASES = [
    # reads
    case("GET", "/Patient/{id}", 200),
    case("GET", "/Patient/{id}", 304, headers={"if-none-match": 'W/"1"'}),
    case("GET", "/Patient/{id}", 304, headers={"if-none-match": '"7", "1"'}),
    case("GET", "/Patient/{id}", 304, headers={"if-none-match": "*"}),
    case("GET", "/Patient/{id}", 200, headers={"if-none-match": 'W/"2"'}),
    case("GET", "/Patient/{id}", 304, headers={"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}),
    case("GET", "/Patient/{id}", 200, headers={"if-modified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}),
    case("GET", "/Patient/{id}", 200, headers={"if-modified-since": "soon"}),
    case("GET", "/Patient/{id}/_history/1", 304, headers={"if-none-match": 'W/"1"'}),
    case("GET", "/Patient/{id}/_history/2", 404),
    case("GET", "/Patient/{gone}", 410),
    case("GET", "/Patient/absent", 404),
    case("GET", "/Basic/1", 404),
    case("GET", "/Patient/{id}?colour=red", 400, says="colour"),
    case("GET", "/Patient/{id}?colour=red", 200, headers={"prefer": "handling=lenient"}),
    case("GET", "/Patient/{id}?_summary=all", 400, says="_summary"),
    case("GET", "/Patient/{id}?_summary=true", 200, says="SUBSETTED"),
    case("GET", "/Patient/{id}?_elements=gender", 200, says="SUBSETTED"),
    case("GET", "/Patient/{id}?_elements=Patient.gender,deceased[x]", 200, says="SUBSETTED"),
    case("GET", "/Patient/{id}?_elements=nmae", 400, says="nmae"),
    case("GET", "/Patient/{id}/_history/1?_elements=nmae", 400, says="nmae"),
    case("GET", "/Patient/{id}/_history?_elements=nmae", 400, says="nmae"),
    case("GET", "/_history?_elements=nmae", 400, says="nmae"),
    case("GET", "/_history?_elements=valueQuantity,gender", 200),
    # form
    case("GET", "/Patient/{id}?_format=xml", 406, says="application/fhir+json"),
    case("GET", "/Patient/{id}", 406, headers={"accept": "application/fhir+xml"}, says="application/fhir+json"),
    case("GET", "/Patient/{id}", 406, headers={"accept": "application/fhir+json;q=0, text/turtle"}),
    case("GET", "/Patient/{id}", 406, headers={"accept": "application/fhir+json; fhirVersion=3.0"}),
    case("GET", "/Patient/{id}", 200, headers={"accept": "application/fhir+xml, application/json;q=0.1"}),
    case("GET", "/Patient/{id}?_format=json", 200, headers={"accept": "application/fhir+xml"}),
    case("GET", "/Patient/{id}?_format=application/fhir+json", 200),
    case("GET", "/metadata?_format=xml", 406),
    case("GET", "/Patient/{id}?_pretty=perhaps", 400, says="_pretty"),
    case("GET", "/Patient/{id}?_pretty=true", 200, says='\n  "resourceType": "Patient"'),
    # searches by form
    case("POST", "/Patient/_search", 200, "_count=1", headers=FORM),
    case("POST", "/Patient/_search", 415, "_count=1"),
    case(
        "POST",
        "/Patient/_search",
        415,
        "_count=1",
        headers={"content-type": f"{FORM['content-type']}; charset=latin-1"},
    ),
    case("POST", "/Patient/_search", 415, "_count=1", headers={**FORM, "content-encoding": "gzip"}),
    case("POST", "/Patient/_search", 400, "colour=red", headers=FORM, says="colour"),
    # create and update
    case("POST", "/Patient", 201, patient()),
    case("POST", "/Patient", 200, patient(), headers={"if-none-exist": f"identifier={KVNR}"}),
    case("POST", "/Patient", 201, patient(), headers={"if-none-exist": "identifier=another"}),
    case("POST", "/Patient", 400, patient(), headers={"if-none-exist": "_count=3"}),
    case("POST", "/Patient?x=1", 400, patient(), says="x"),
    case("POST", "/Patient", 415, patient(), headers={"content-type": "application/fhir+xml"}),
    case("POST", "/Patient", 415, patient(), headers={"content-type": "application/fhir+json; fhirVersion=5.0"}),
    case("POST", "/Patient", 422, patient(gender="red")),
    case("PUT", "/Patient/{id}", 200, BODY),
    case("PUT", "/Patient/{id}", 200, BODY, headers={"if-match": 'W/"1"'}),
    case("PUT", "/Patient/{id}", 412, BODY, headers={"if-match": 'W/"2"'}),
    case("PUT", "/Patient/{id}", 400, BODY, headers={"if-match": "*"}),
    case("PUT", "/Patient/absent", 404, patient(id="absent"), says="Ids are made by the server; create by POST"),
    case("PUT", "/Patient/{gone}", 410, patient(id="{gone}")),
    case("PUT", f"/Patient?identifier={KVNR}", 200, patient()),
    case("PUT", f"/Patient?identifier={KVNR}", 200, BODY),
    case("PUT", f"/Patient?identifier={KVNR}", 400, patient(id="other")),
    case("PUT", "/Patient?identifier=another", 201, patient()),
    case("PUT", "/Patient?identifier=another", 400, patient(id="other")),
    case("PUT", f"/Patient?identifier={KVNR}", 412, patient(), headers={"if-match": 'W/"2"'}),
    case("PUT", "/Patient?identifier=another", 412, patient(), headers={"if-match": 'W/"1"'}),
    case("PUT", "/Patient", 400, patient()),
    case("PUT", "/Patient?colour=red", 400, patient(), says="colour"),
    case("PUT", f"/Patient?identifier={KVNR}&_count=1", 400, patient()),
    # patch
    case("PATCH", "/Patient/{id}", 200, REPLACE, headers=JSON_PATCH, says='"gender": "male"'),
    case("PATCH", "/Patient/{id}", 200, REPLACE, headers={**JSON_PATCH, "if-match": 'W/"1"'}),
    case("PATCH", "/Patient/{id}", 412, REPLACE, headers={**JSON_PATCH, "if-match": 'W/"3"'}),
    case("PATCH", "/Patient/{id}", 422, FAILING, headers=JSON_PATCH, says="Patient.gender"),
    case("PATCH", "/Patient/{id}", 422, BROKEN, headers=JSON_PATCH, says="Patient.gender"),
    case("PATCH", "/Patient/{id}", 400, "{}", headers=JSON_PATCH),
    case(
        "PATCH",
        "/Patient/{id}",
        415,
        REPLACE,
        headers={"content-type": "application/merge-patch+json"},
        says="json-patch",
    ),
    case("PATCH", "/Patient/{id}", 400, patient()),
    case("PATCH", "/Patient/absent", 404, REPLACE, headers=JSON_PATCH),
    case("PATCH", "/Patient/{gone}", 410, REPLACE, headers=JSON_PATCH),
    case("PATCH", f"/Patient?identifier={KVNR}", 200, REPLACE, headers=JSON_PATCH),
    case("PATCH", "/Patient?identifier=another", 404, REPLACE, headers=JSON_PATCH),
    case("PATCH", "/Patient", 400, REPLACE, headers=JSON_PATCH),
    # delete
    case("DELETE", "/Patient/{id}", 204),
    case("DELETE", "/Patient/{gone}", 204),
    case("DELETE", "/Patient/absent", 404),
    case("DELETE", "/Patient/{id}", 412, headers={"if-match": 'W/"2"'}),
    case("DELETE", f"/Patient?identifier={KVNR}", 204),
    case("DELETE", "/Patient?identifier=another", 204),
    case("DELETE", f"/Patient?identifier={KVNR}", 412, headers={"if-match": 'W/"2"'}),
    case("DELETE", "/Patient", 400),
    # histories
    case("GET", "/Patient/{id}/_history", 200),
    case("GET", "/Patient/{gone}/_history", 200),
    case("GET", "/Patient/absent/_history", 404),
    case("GET", "/Patient/_history?_since=2020-01-01", 200),
    case("GET", "/_history?_count=0", 200),
    case("GET", "/Patient/_history?_since=soon", 400, says="_since"),
    case("GET", "/Patient/_history?_sort=x", 400, says="_sort"),
    case("GET", "/Patient/_history?_cursor=abc", 400, says="_cursor"),
    case("GET", "/AuditEvent/_history", 405),
    # operations
    case("POST", "/Patient/$validate", 200, patient(), says="information"),
    case("POST", "/Patient/$validate?mode=create", 200, patient(gender="red"), says="Patient.gender"),
    case("POST", "/Patient/$validate", 200, {"resourceType": "Group"}, says="resourceType"),
    case("POST", "/Patient/$validate?profile=http://x.example/p", 400, patient(), says="http://x.example/p"),
    case("POST", "/Patient/$validate?mode=delete", 400, patient()),
    case("POST", "/Patient/$validate?mode=keep", 400, patient()),
    case("POST", "/Patient/$validate", 400, "{"),
    case("GET", "/Patient/{id}/$validate", 200),
    case("POST", "/Patient/{id}/$validate", 200, BODY, says="information"),
    case("POST", "/Patient/{id}/$validate", 200, patient(id="other"), says="Patient.id"),
    case("GET", "/Patient/{id}/$validate?mode=delete", 200, says="information"),
    case("GET", "/Patient/absent/$validate", 404),
    case("GET", "/Patient/{id}/$meta", 200, says="valueMeta"),
    case("GET", "/Patient/$meta", 200, says="Parameters"),
    case("GET", "/$meta", 200, says="Parameters"),
    case("POST", "/Patient/{id}/$meta", 200, says="valueMeta"),
    case("POST", "/Patient/$meta", 200, {"resourceType": "Parameters"}, says="Parameters"),
    case("POST", "/$meta", 200, {"resourceType": "Parameters"}, says="Parameters"),
    case("POST", "/$meta", 400, {"resourceType": "Parameters", "parameter": [{"name": "x", "valueCode": "x"}]}),
    case("GET", "/Patient/absent/$meta", 404),
    case("POST", "/Patient/{id}/$meta-add", 400, {"resourceType": "Parameters"}),
    # conditions that say nothing about the interaction
    case("PUT", "/Patient/{id}", 400, BODY, headers={"if-none-match": "*"}, says="If-None-Match"),
    case("PUT", "/Patient/{id}", 400, BODY, headers={"if-unmodified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}),
    case("PUT", "/Patient/{id}", 400, BODY, headers={"if-none-exist": "family=a"}, says="If-None-Exist"),
    case("POST", "/Patient", 400, patient(), headers={"if-match": 'W/"1"'}, says="If-Match"),
    case("GET", "/Patient/{id}", 400, headers={"if-match": 'W/"7"'}, says="If-Match"),
    case("DELETE", "/Patient/{id}", 400, headers={"if-none-match": 'W/"1"'}, says="If-None-Match"),
    case("POST", "", 400, {"resourceType": "Bundle", "type": "batch"}, headers={"if-match": 'W/"1"'}, says="If-Match"),
    case("POST", "/Patient", 400, patient(), headers={"if-none-exist": "Observation?identifier=a"}),
    case("POST", "/Patient", 200, patient(), headers={"if-none-exist": f"Patient?identifier={KVNR}"}),
    case("POST", "/Patient", 201, patient(), headers={"if-none-exist": "identifier=urn:a?family=Musterfrau"}),
    # parameters of the address
    case("GET", "/metadata?mode=full&_format=json", 200),
    case("GET", "/metadata?mode=terminology", 400),
    case("GET", "/metadata?other=1", 400, says="other"),
    case("POST", "?other=1", 400, {"resourceType": "Bundle", "type": "batch"}, says="other"),
    # methods and paths
    case("PATCH", "/AuditEvent/1", 405),
    case("PUT", "/Patient/{id}/_history", 405),
    case("GET", "/Patient/{id}/else", 404),
    case("GET", "/Patient/{id}/Observation", 404, says="Search by Observation?patient={id} instead."),
    case("GET", "/Encounter/1/observation?code=x", 404, says="Search by Observation?encounter={id} instead."),
    case("GET", "/Patient/{id}/Organization", 404, says="nothing here that you may see"),
    case("GET", "/patient", 404, says="Types are written with capitals here: Patient."),
    case("GET", "/careteam/1", 404, says="CareTeam"),
    case("GET", "/Basic", 404, says="not served here"),
    # bodies
    case("POST", "/Patient", 400, "", says="The body is empty."),
    case("POST", "", 400, " \n", says="The body is empty."),
    case("PATCH", "/Patient/{id}", 400, "", headers=JSON_PATCH, says="The body is empty."),
    case("PATCH", "/Patient/{id}", 400, REPLACE, says="as application/json-patch+json"),
]


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
async def ids(north: httpx.AsyncClient) -> dict[str, str]:
    gone = await created(north, patient(identifier=[{"value": "gone"}]))
    await north.delete(f"/Patient/{gone}")
    return {"{id}": await created(north, patient()), "{gone}": gone}


def filled(text: str, ids: dict[str, str]) -> str:
    for name, id in ids.items():
        text = text.replace(name, id)
    return text


@pytest.mark.parametrize("number", range(len(CASES)))
async def test_the_interaction_answers_with_its_status(
    north: httpx.AsyncClient, ids: dict[str, str], number: int
) -> None:
    sent = CASES[number]
    body = sent.body if isinstance(sent.body, str | None) else json.dumps(sent.body)

    answer = await north.request(
        sent.method,
        filled(sent.path, ids),
        content=None if body is None else filled(body, ids),
        headers=sent.headers,
    )

    assert answer.status_code == sent.status, (sent, answer.text)
    assert sent.says in answer.text, sent
    if sent.status >= 400:
        assert answer.json()["resourceType"] == "OperationOutcome"
        assert answer.json()["issue"][0]["severity"] == "error"
    if sent.status in (204, 304):
        assert answer.content == b""


async def test_a_405_names_every_method_of_the_path_and_type(north: httpx.AsyncClient) -> None:
    allowed = {
        "/Patient": "DELETE, GET, HEAD, PATCH, POST, PUT",
        "/Patient/1": "DELETE, GET, HEAD, PATCH, PUT",
        "/AuditEvent/1": "GET, HEAD",
        "/AuditEvent": "GET, HEAD, POST",
    }

    for path, methods in allowed.items():
        method = "DELETE" if path.startswith("/AuditEvent") else "OPTIONS"
        answer = await north.request(method, path)

        assert answer.status_code == 405
        assert sorted(answer.headers["allow"].split(", ")) == methods.split(", "), path


@pytest.mark.parametrize(
    "path", ["/Patient/{id}", "/Patient/{id}/_history/1", "/Patient?_id={id}", "/metadata", "/Patient/_history"]
)
async def test_head_has_the_headers_of_get_without_the_body(
    north: httpx.AsyncClient, ids: dict[str, str], path: str
) -> None:
    get = await north.get(filled(path, ids))
    head = await north.head(filled(path, ids))

    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers.get("etag") == get.headers.get("etag")
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize(
    ("prefer", "applied", "type"),
    [
        ("return=minimal", "return=minimal", None),
        ("return=representation", "return=representation", "Patient"),
        ("return=OperationOutcome", "return=OperationOutcome", "OperationOutcome"),
        ("return=everything, respond-async", None, "Patient"),
        ("handling=lenient; foo=bar, return = minimal", "return=minimal", None),
    ],
)
async def test_the_answer_to_a_write_is_what_was_preferred_and_says_so(
    north: httpx.AsyncClient, prefer: str, applied: str | None, type: str | None
) -> None:
    answer = await north.post("/Patient", content=json.dumps(patient()), headers={"prefer": prefer})

    assert answer.headers.get("preference-applied") == applied
    assert (answer.json()["resourceType"] if answer.content else None) == type


async def test_a_lenient_search_says_so(north: httpx.AsyncClient) -> None:
    strict = await north.get("/Patient?colour=red")
    lenient = await north.get("/Patient?colour=red", headers={"prefer": "handling=lenient"})

    assert strict.status_code == 400 and "preference-applied" not in strict.headers
    assert lenient.headers["preference-applied"] == "handling=lenient"
    assert lenient.json()["link"][0]["url"] == f"{BASE}/Patient"
    assert lenient.json()["entry"][-1]["search"]["mode"] == "outcome"


async def test_pretty_changes_white_space_alone(north: httpx.AsyncClient) -> None:
    sent = '{"resourceType":"Observation","status":"final","code":{"text":"a: {b}, \\"c\\""},"valueQuantity":{"value":0.40},"note":[]}'
    id = (await north.post("/Observation", content=sent.replace(',"note":[]', ""))).json()["id"]

    plain = (await north.get(f"/Observation/{id}")).text
    pretty = (await north.get(f"/Observation/{id}?_pretty=true")).text

    assert '"value": 0.40' in pretty
    assert json.loads(plain) == json.loads(pretty)
    assert "".join(plain.split()) == "".join(pretty.split())


def test_an_address_that_is_no_text_is_the_clients_fault() -> None:
    request = Request({"type": "http", "query_string": b"_count=\x80", "headers": []})

    with pytest.raises(BadParameter):
        query_of(request)


def test_an_accept_header_as_long_as_a_client_likes_is_read_and_not_kept() -> None:
    kept = negotiation._remembered.cache_info().currsize
    accept = b"text/html;x=" + b"y" * negotiation.LONGEST_KEPT + b", application/fhir+json"

    negotiation.require_json(Request({"type": "http", "query_string": b"", "headers": [(b"accept", accept)]}))

    assert negotiation._remembered.cache_info().currsize == kept


async def test_a_list_in_several_header_lines_is_one_list(north: httpx.AsyncClient, ids: dict[str, str]) -> None:
    path = filled("/Patient/{id}", ids)

    async def asked(path: str, *lines: tuple[str, str]) -> int:
        return (await north.get(path, headers=[*lines])).status_code

    lenient = [("prefer", "return=minimal"), ("prefer", "handling=lenient")]
    assert await asked("/Patient?unknown=1&_count=1", *lenient) == 200
    assert await asked(path, ("accept", "text/html"), ("accept", "application/fhir+json")) == 200
    assert await asked(path, ("if-none-match", 'W/"7"'), ("if-none-match", 'W/"1"')) == 304
