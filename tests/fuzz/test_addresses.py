"""Addresses, searches and headers that nobody should send."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir.search.definitions import PARAMETERS
from tests.effort import examples
from tests.fhir.record import observation, patient
from tests.fuzz.asking import Asker, Headers, asking
from tests.fuzz.hostile import texts

MODIFIERS = (
    "",
    ":exact",
    ":contains",
    ":missing",
    ":not",
    ":identifier",
    ":Patient",
    ":text",
    ":in",
    ":above",
    ":of-type",
    ":Unicorn",
    ":",
    "::",
    ".name",
    ":Patient.name",
    ".patient.name",
)
VALUES = (
    "a", "a|b", "|", "|b", "a|", "a,b", ",", "a$b", "$", "$$", "ge2026", "gt2026-13", "eq1e400", "lt-1", "ap5.4|http://unitsofmeasure.org|mg", "sa", "ne",
    "5.40", "1e999999999", "9" * 400, "0." + "1" * 400, "1|http://unitsofmeasure.org|(((((", "Patient/1", "http://test/fhir/Patient/1", "1/2/3", "#x", "true", "false",
    "2026-02-30", "2026-11-23T10:00:00+01:00", "0001", "9999-12-31", "54.3|10.1|5|km", "999|999|-1|km", "near", ",".join("a" * 99), "|".join("a" * 99), "*", "Patient:link",
    "Observation:patient", "Observation:patient:Patient", ":", "Patient:", "*:*", "-birthdate", "--birthdate", "-birthdate,family,_id,_lastUpdated", "2026-01-01,2026-12-31",
)  # fmt: skip
CONTROLS = (
    "_count",
    "_sort",
    "_total",
    "_summary",
    "_elements",
    "_include",
    "_revinclude",
    "_include:iterate",
    "_contained",
    "_format",
    "_pretty",
    "_cursor",
    "_since",
    "_at",
    "_id",
    "_lastUpdated",
    "_has:Observation:patient:code",
    "_has:Observation:patient:_has:Provenance:target:agent",
    "_has:",
    "_has:::",
    "_text",
    "_filter",
    "_type",
    "_tag",
    "_profile",
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")


@pytest.fixture
def database_kind() -> str:
    """A share of it all is asked on PostgreSQL too (`test_postgres.py`)."""
    return "sqlite"


@pytest.fixture
def asker(tmp_path: Path, database_url: str) -> Iterator[Asker]:
    with asking(tmp_path, database_url) as made:
        for _ in range(3):
            made.create(observation(made.create(patient())))
        yield made


@st.composite
def queries(draw: st.DrawFn, type: str) -> list[tuple[str, str]]:
    """Names and values of a search, nearly right."""
    names = st.sampled_from(sorted(PARAMETERS[type].parameters)).flatmap(
        lambda name: st.sampled_from([name + modifier for modifier in MODIFIERS])
    )
    pairs = st.tuples(names | st.sampled_from(CONTROLS) | texts, st.sampled_from(VALUES) | texts)
    return draw(st.lists(pairs, min_size=1, max_size=4))


@given(data=st.data())
@examples(200)
def test_searches(asker: Asker, data: st.DataObject) -> None:
    type = data.draw(
        st.sampled_from(["Patient", "Observation", "Appointment", "Location", "Questionnaire", "AuditEvent"])
    )
    pairs = data.draw(queries(type))
    # Half characters have no percent-encoding of UTF-8, but nobody keeps a client from sending their bytes.
    encoded = urlencode(
        [(name.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass")) for name, value in pairs]
    )
    headers: Headers = {"prefer": f"handling={data.draw(st.sampled_from(['strict', 'lenient']))}"}

    if data.draw(st.booleans()):
        asker.ask("GET", f"/{type}?{encoded}", headers=headers)
    else:
        form: Headers = {**headers, "content-type": "application/x-www-form-urlencoded"}
        asker.ask("POST", f"/{type}/_search", content=encoded.encode(), headers=form)


@given(query=st.binary(max_size=40).map(lambda some: bytes(each for each in some if each > 32 and each != 35)))
@examples(50)
def test_query_bytes(asker: Asker, query: bytes) -> None:
    asker.ask("GET", b"/Patient?" + query)


@given(data=st.data())
@examples(100)
def test_addresses(asker: Asker, data: st.DataObject) -> None:
    parts = st.sampled_from(
        [
            "Patient",
            "Unicorn",
            "_history",
            "_search",
            "$everything",
            "$validate",
            "$meta",
            "$meta-add",
            "$unicorn",
            "1",
            "0",
            "-1",
            "9" * 40,
            "metadata",
            "..",
            ".",
            "",
            "a" * 65,
            "%00",
            "%2F",
            "%ff",
            "log-1",
            "AuditEvent",
        ]
    )
    odd = texts.map(lambda text: quote(text.encode("utf-8", "surrogatepass")))
    steps = data.draw(st.lists(parts | odd, min_size=1, max_size=4))
    method = data.draw(st.sampled_from(METHODS))

    asker.ask(method, "/" + "/".join(steps), content=b"{}" if method in ("POST", "PUT", "PATCH") else b"")


HEADERS = (
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-none-exist",
    "prefer",
    "accept",
    "content-type",
    "content-encoding",
    "accept-charset",
    "content-length",
)
HEADER_VALUES = (
    'W/"1"',
    '"1"',
    'W/"',
    "*",
    'W/"99999999999999999999999"',
    'W/"1", W/"2"',
    "Mon, 23 Nov 2026 10:00:00 GMT",
    "Mon, 99 Foo 9999 99:99:99 GMT",
    "Mon, 23 Nov 2026 10:00:00 +99999999999999999",
    "Mon, 23 Nov 99999999999 10:00:00 -0000",
    "identifier=a|b",
    "identifier",
    "?",
    "_has:Observation:patient:code=1",
    "return=minimal",
    "return=unicorn",
    "handling=lenient; return=minimal",
    "respond-async",
    "application/fhir+xml",
    "application/fhir+json; fhirVersion=4.0",
    "text/html;q=x",
    "*/*;q=0",
    ",;=",
    "gzip",
)


@given(data=st.data())
@examples(100)
def test_headers(asker: Asker, data: st.DataObject) -> None:
    some = st.sampled_from(HEADER_VALUES) | st.binary(max_size=20).map(
        lambda raw: bytes(each for each in raw if each not in (0, 10, 13))
    )
    headers: Headers = dict(data.draw(st.dictionaries(st.sampled_from(HEADERS[:-1]), some, min_size=1, max_size=3)))
    id = asker.create(patient())

    method, path = data.draw(
        st.sampled_from(
            [
                ("GET", f"/Patient/{id}"),
                ("PUT", f"/Patient/{id}"),
                ("POST", "/Patient"),
                ("DELETE", f"/Patient/{id}"),
                ("PUT", "/Patient?identifier=a|b"),
                ("GET", "/Patient?family=a"),
                ("GET", f"/Patient/{id}/_history"),
                ("DELETE", "/Patient?identifier=a|b"),
            ]
        )
    )
    content = json_of(id) if method in ("PUT", "POST") else b""
    asker.ask(method, path, content=content, headers=headers)


def json_of(id: str) -> bytes:
    """A patient under this id."""
    return f'{{"resourceType":"Patient","id":"{id}","name":[{{"family":"Neu"}}]}}'.encode()
