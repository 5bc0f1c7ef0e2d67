"""The patient's pages: what they show, what they must not show, and what they cost."""

import gzip
import re
from html.parser import HTMLParser

import httpx
import pytest

from telemed.pages import assets
from telemed.pages.languages import LANGUAGES
from tests.telemed.visits.clinic import BORN, PATIENT, VIDEO, Clinic

# What one patient's way to the waiting room may cost over the wire; a peer's start page alone costs 904 kB.
FLOW_BUDGET = 25_000
PAGE_BUDGET = 12_000
MOST_REQUESTS = 6
FLOW = ("/j", "/visit/here", "/visit")
PAGES = ("/", *FLOW, "/practice")
# What the check and the waiting room load by and by; the call itself comes while somebody waits.
LATER = ("texts/call-de.json", "pages/call.css", "video/precheck.js", "video/signalling.js")
IMPORTED = re.compile(r"""^import (?:[^"]*from )?"([^"]+)";$""", re.MULTILINE)


class Page(HTMLParser):
    """What a browser would do with a page: fetch, run, style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.inline: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what is fetched, and what a strict policy would refuse."""
        held = dict(attrs)
        self.fetched += [str(held[name]) for name in ("src",) if name in held]
        if tag == "link" and held.get("rel") in ("stylesheet", "icon"):
            self.fetched.append(str(held["href"]))
        self.inline += [name for name in held if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in held and held.get("type") != "application/json"):
            self.inline.append(tag)


async def patient_pages(clinic: Clinic, *, language: str = "de") -> dict[str, httpx.Response]:
    """All pages of a patient, by path."""
    browser = await clinic.patient()
    browser.cookies.set("lang", language)
    return {path: await browser.get(path) for path in PAGES}


async def flow_bytes(clinic: Clinic) -> int:
    """What a patient's way from the link to the waiting room costs over the wire."""
    pages = await patient_pages(clinic)
    documents = sum(len(gzip.compress(pages[path].content, 6)) for path in FLOW)
    named = {name for path in FLOW for name in fetched_by(pages[path].text)}
    return documents + sum(packed(name) for name in named | {each for name in LATER for each in with_imports(name)})


def fetched_by(html: str) -> set[str]:
    """All assets that a page fetches at once, modules that its modules import included."""
    return {each for url in Page(html).fetched for each in with_imports(name_of(url))}


def with_imports(name: str) -> set[str]:
    """An asset and all that it imports before it runs."""
    found, folder = {name}, name.partition("/")[0]
    if name.endswith(".js"):
        for target in IMPORTED.findall(assets.assets()[name].plain.decode()):
            found |= with_imports(target.removeprefix("../") if target.startswith("../") else f"{folder}/{target[2:]}")
    return found


async def test_no_page_has_inline_code_or_fetches_from_elsewhere(clinic: Clinic) -> None:
    for path, answer in (await patient_pages(clinic)).items():
        page = Page(answer.text)

        assert page.inline == [], path
        assert [url for url in page.fetched if not url.startswith("/assets/")] == [], path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy


async def test_every_page_names_the_emergency_numbers_and_its_language(clinic: Clinic) -> None:
    for path, answer in (await patient_pages(clinic)).items():
        assert "112" in answer.text and "116117" in answer.text and "Nicht für Notfälle" in answer.text, path
        assert '<html lang="de" dir="ltr">' in answer.text, path


async def test_every_page_speaks_english_and_is_set_big_on_request(clinic: Clinic) -> None:
    browser = await clinic.patient()
    await browser.get("/j?lang=en")
    await browser.get("/j?text=big")

    answer = await browser.get("/visit")

    assert '<html lang="en" dir="ltr" class="big">' in answer.text
    assert "Check camera and sound" in answer.text and "Not for emergencies" in answer.text


async def test_looking_at_the_link_consumes_nothing_and_shows_nothing_personal(clinic: Clinic) -> None:
    answers = [await clinic.service.http.get("/j") for _ in range(10)]

    assert {answer.status_code for answer in answers} == {200}
    for personal in ("Musterkai", "Testfeld", "Hafen", str(BORN.year) + "-", clinic.code):
        assert personal not in answers[0].text
    assert "set-cookie" not in answers[0].headers
    assert (await clinic.patient()).cookies


async def test_the_visit_shows_the_appointment_and_nothing_about_the_patient(clinic: Clinic) -> None:
    answer = await (await clinic.patient()).get("/visit")

    assert "Dr. Wiebke Testfeld" in answer.text and "Praxis am Hafen" in answer.text
    for personal in ("Musterkai", "14.03.1951", PATIENT):
        assert personal not in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_the_visit_without_a_session_leads_to_the_code(clinic: Clinic) -> None:
    answer = await clinic.service.http.get("/visit")

    assert (answer.status_code, answer.headers["location"]) == (303, "/j")


async def test_what_was_typed_comes_back_as_text(clinic: Clinic) -> None:
    answer = await clinic.service.http.post("/j", data={"code": '"><script>alert(1)</script>', "birth_date": "x"})

    assert answer.status_code == 422
    assert "<script>alert" not in answer.text and "&lt;script&gt;" in answer.text


async def test_without_script_the_pages_say_what_to_do(clinic: Clinic) -> None:
    pages = await patient_pages(clinic)

    assert re.search(r'<form method="post" action="/j"', pages["/j"].text)
    assert "<noscript>" in pages["/visit"].text and "rufen Sie uns an" in pages["/visit"].text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_page_is_light_and_asks_for_little(clinic: Clinic, language: str) -> None:
    for path, answer in (await patient_pages(clinic, language=language)).items():
        fetched = fetched_by(answer.text)

        wire = len(gzip.compress(answer.content, 6)) + sum(packed(name) for name in fetched)
        print(f"{path} {language}: {wire} bytes in {1 + len(fetched)} requests")
        assert 1 + len(fetched) <= MOST_REQUESTS
        assert wire <= PAGE_BUDGET


async def test_the_way_to_the_waiting_room_stays_within_its_budget(clinic: Clinic) -> None:
    wire = await flow_bytes(clinic)

    print(f"the patient's way to the waiting room over the wire: {wire} bytes (limit {FLOW_BUDGET})")
    assert wire <= FLOW_BUDGET


async def test_assets_are_packed_and_kept_forever_under_a_name_of_their_content(clinic: Clinic) -> None:
    url = assets.asset_url("pages/style.css")

    answer = await clinic.service.http.get(url)
    older = await clinic.service.http.get(url.replace(assets.version(), "0" * 12))

    assert answer.headers["content-encoding"] == "gzip" and "immutable" in answer.headers["cache-control"]
    assert older.headers["cache-control"] == "no-store"
    assert (await clinic.service.http.get("/assets/x/pages/../secret")).status_code == 404


def test_modules_import_only_what_is_served() -> None:
    for name, asset in assets.assets().items():
        folder = name.partition("/")[0]
        for target in re.findall(r'(?:from|import\()\s*"([^"]+)"', asset.plain.decode()):
            resolved = target.removeprefix("../") if target.startswith("../") else f"{folder}/{target[2:]}"
            assert resolved in assets.assets(), f"{name} imports {target}"


async def test_the_session_of_another_appointment_opens_nothing(clinic: Clinic) -> None:
    browser = await clinic.patient()

    answer = await browser.post("/visits/appointment-2/join")

    assert answer.status_code == 401
    assert (await browser.post(f"/visits/{VIDEO}/join")).status_code == 200


def name_of(url: str) -> str:
    """The name of an asset."""
    return "/".join(url.split("/")[3:])


def packed(name: str) -> int:
    """What an asset costs over the wire."""
    return len(assets.assets()[name].packed)
