"""The cookies of patients and clinicians under TLS: browsers keep them to this host and to encrypted connections."""

from http.cookies import Morsel, SimpleCookie

import httpx
import pytest

from tests.telemed.visits.clinic import TENANT, Clinic


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def at(clinic: Clinic, base_url: str) -> None:
    """The service is reached at this address."""
    services = clinic.services
    object.__setattr__(services, "settings", services.settings.model_copy(update={"base_url": base_url}))


async def signed_in(clinic: Clinic, role: str) -> tuple[httpx.Response, Morsel[str]]:
    """The answer that opens a session, and its one cookie."""
    browser = clinic.service.browser()
    if role == "patient":
        answer = await browser.post("/j", data={"code": clinic.code, "birth_date": "14.03.1951"})
    else:
        answer = await browser.get(await clinic.service.sign_in_link(TENANT))
    [cookie] = SimpleCookie(answer.headers["set-cookie"]).values()
    return answer, cookie


SEATS = [("patient", "telemed_visit", "/visit/here"), ("clinician", "telemed_session", "/console")]


@pytest.mark.parametrize(("role", "name", "page"), SEATS)
async def test_under_tls_a_cookie_is_kept_to_this_host(clinic: Clinic, role: str, name: str, page: str) -> None:
    at(clinic, "https://telemed.example")

    answer, cookie = await signed_in(clinic, role)

    assert answer.status_code == 303
    # What browsers ask of the prefix (RFC 6265bis 4.1.3.2), or they throw the cookie away.
    assert cookie.key == f"__Host-{name}"
    assert (cookie["secure"], cookie["path"], cookie["domain"], cookie["httponly"]) == (True, "/", "", True)
    shown = await clinic.service.browser().get(page, headers={"Cookie": f"{cookie.key}={cookie.value}"})
    assert shown.status_code == 200
    # A cookie that a neighbouring host could have set opens nothing.
    bare = await clinic.service.browser().get(page, headers={"Cookie": f"{name}={cookie.value}"})
    assert bare.status_code != 200


@pytest.mark.parametrize(("role", "name", "page"), SEATS)
async def test_without_tls_the_prefix_would_cost_the_cookie(clinic: Clinic, role: str, name: str, page: str) -> None:
    _, cookie = await signed_in(clinic, role)

    assert (cookie.key, cookie["secure"]) == (name, "")


async def test_signing_out_takes_the_cookie_of_this_host_back(clinic: Clinic) -> None:
    at(clinic, "https://telemed.example")
    _, cookie = await signed_in(clinic, "clinician")
    headers = {"Cookie": f"{cookie.key}={cookie.value}", "Sec-Fetch-Site": "same-origin"}

    answer = await clinic.service.browser().post("/console/sign-out", headers=headers)

    [taken] = SimpleCookie(answer.headers["set-cookie"]).values()
    assert (taken.key, taken["max-age"], taken["secure"]) == (cookie.key, "0", True)
