"""What people read and what programs get where an address leads nowhere, nobody is signed in, or something fails."""

import pytest

from infra.problems import DiskFull
from infra.settings import Environment
from telemed.pages.problems import prefers_page
from tests.telemed.mydata.letters import inside
from tests.telemed.visits.clinic import Clinic

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize("path", ["/nix", "/console/nix", "/visits/nix", "/dev/nix"])
async def test_a_mistyped_address_is_a_page_for_people_and_data_for_programs(clinic: Clinic, path: str) -> None:
    get = clinic.service.http.get

    german = await get(path, headers={"Accept": BROWSER, "Accept-Language": "de"})
    english = await get(path, headers={"Accept": BROWSER, "Accept-Language": "en-GB"})
    program = await get(path)

    assert {german.status_code, english.status_code, program.status_code} == {404}
    assert "Unter dieser Adresse ist nichts." in german.text and 'lang="de"' in german.text
    assert "There is nothing at this address." in english.text and 'href="/"' in english.text
    assert "default-src 'none'" in german.headers["content-security-policy"]
    assert program.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("environment", "german", "english"),
    [
        (Environment.DEMO, "Anmelde-Link der Demo", "sign-in link of the demo"),
        (Environment.PRODUCTION, "die diese Plattform betreibt", "whoever runs this platform"),
    ],
)
async def test_who_is_not_signed_in_reads_how_to_in_their_language(
    clinic: Clinic, environment: Environment, german: str, english: str
) -> None:
    services = clinic.service.services
    object.__setattr__(services, "settings", services.settings.model_copy(update={"environment": environment}))

    answers = {
        language: await clinic.service.http.get("/console", headers={"Accept-Language": language})
        for language in ("de", "en")
    }

    assert {answer.status_code for answer in answers.values()} == {401}
    assert answers["de"].headers["www-authenticate"]
    assert german in answers["de"].text and english in answers["en"].text


async def test_trouble_of_ours_is_told_to_people_with_the_phone_number(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise DiskFull

    monkeypatch.setattr("telemed.visits.codes.check", full)

    post, form = clinic.service.http.post, {"code": clinic.code, "birth_date": "14.03.1951"}
    people = await post("/j", data=form, headers={"Accept": BROWSER})
    program = await post("/j", data=form)

    assert (people.status_code, program.status_code) == (507, 507)
    assert "Bei uns hat etwas nicht geklappt." in people.text and "tel:" in people.text
    assert program.json()["detail"] == "The storage is full. Nothing was changed."


async def test_a_method_that_an_address_does_not_take_is_refused_with_all_that_it_takes(clinic: Clinic) -> None:
    answer = await clinic.service.http.put("/j", content=b"x", headers={"Accept": BROWSER})

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Allow" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("", False),
        ("*/*", False),
        ("application/json, text/html;q=0.9", False),
        ("application/fhir+json", False),
        ("text/html;q=0", False),
        ("text/html;q=x, */*", False),
        ("text/html;q=0.9, application/json;q=0.8", True),
    ],
)
def test_a_page_is_for_who_prefers_one(accept: str, *, page: bool) -> None:
    assert prefers_page(accept) is page


async def test_what_is_not_for_a_role_is_a_page_for_people_and_data_for_programs(clinic: Clinic) -> None:
    desk = await clinic.clinician(role="receptionist")

    page = await desk.get("/console/emergency/reviews", headers={"Accept": BROWSER, "Accept-Language": "en"})
    program = await desk.get("/console/emergency/reviews")

    assert {page.status_code, program.status_code} == {403}
    assert "This is not for your role." in page.text
    assert program.headers["content-type"] == "application/problem+json"


async def test_a_link_to_another_language_keeps_what_the_page_was_asked_for(clinic: Clinic) -> None:
    http = await inside(clinic)

    looks = await http.get("/my/looks?own=yes&lang=de&page=0&guess=Musterkai", headers={"Accept": BROWSER})
    sign_in = await clinic.service.http.get("/console/sign-in?next=/console/account&lang=de")

    assert 'href="/my/looks?own=yes&amp;page=0&amp;lang=en"' in looks.text and "guess" not in looks.text
    assert 'href="/console/sign-in?next=%2Fconsole%2Faccount&amp;lang=en"' in sign_in.text
