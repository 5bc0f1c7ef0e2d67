"""The two usual addresses are answered without the routers, by the same endpoints; dates of HTTP are the library's."""

from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from fhir.interactions import router
from fhir.interactions.direct import direct
from fhir.interactions.record import http_date
from tests.fhir.record import created, patient

ROUTES = router(record_of=lambda _: None, caller_of=lambda _: None).routes  # type: ignore[arg-type,return-value]  # never asked


def scope(method: str, path: str) -> Scope:
    return {"type": "http", "method": method, "path": path}


@pytest.mark.parametrize("path", ["/fhir/Patient", "/fhir/Patient/7", "/fhir/Patient/a.b-C"])
def test_the_two_usual_addresses_are_found(path: str) -> None:
    asked = scope("GET", path)

    assert direct(ROUTES)(asked) is not None
    assert asked["path_params"]["type"] == "Patient"


@pytest.mark.parametrize(
    "path",
    [
        "/fhir",
        "/fhir/",
        "/fhir/metadata",
        "/fhir/.well-known/smart-configuration",
        "/fhir/Patient/",
        "/fhir/Patient/_search",
        "/fhir/Patient/_history",
        "/fhir/Patient/$validate",
        "/fhir/Appointment/$book",
        "/fhir/Patient/7/_history",
        "/fhir/Patient/7/$everything",
        "/fhir/Patient/7%2F8",
        "/fhir/Patient/" + "x" * 65,
        "/other/Patient/7",
        "/fhirs/Patient",
    ],
)
def test_every_other_address_goes_by_the_routes(path: str) -> None:
    assert direct(ROUTES)(scope("GET", path)) is None


def test_a_method_that_no_route_has_goes_by_the_routes() -> None:
    assert direct(ROUTES)(scope("TRACE", "/fhir/Patient")) is None


async def test_a_problem_looks_the_same_on_either_way(north: httpx.AsyncClient) -> None:
    id = await created(north, patient())

    absent = await north.get("/Patient/absent")
    other_way = await north.get("/Patient/absent/_history")
    refused = await north.post("/Patient", content=b"{")
    wrong_method = await north.request("TRACE", f"/Patient/{id}")

    assert absent.status_code == other_way.status_code == 404
    assert absent.json()["resourceType"] == other_way.json()["resourceType"] == "OperationOutcome"
    assert refused.status_code == 400 and wrong_method.status_code == 405
    assert all(answer.headers["x-request-id"] for answer in (absent, other_way, refused, wrong_method))


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # hypothesis adds the zone
def test_a_date_of_http_is_the_one_of_the_library(moment: datetime) -> None:
    assert http_date(moment) == format_datetime(moment, usegmt=True)
