"""`/my` over HTTP: code and PIN, the session, and what every other browser is told."""

from datetime import timedelta

import pytest
from fastapi.requests import HTTPConnection

from telemed.mydata import codes, mine
from telemed.mydata.codes import ALLOWED_FAILURES
from telemed.mydata.sessions import ABSOLUTE, IDLE
from telemed.visits.limits import ADDRESS_FAILURES
from tests.telemed.mydata.letters import browser, enter, inside, later, letter
from tests.telemed.visits.clinic import PATIENT, TENANT, Clinic

PAGES = ("/my/consents", "/my/looks", "/my/requests", "/my/record", "/my/record.pdf", "/my/record.json", "/my/erasure")
WRONG = "passen nicht zusammen"


@pytest.fixture
def database_kind() -> str:
    """`test_codes` runs on both databases; what HTTP adds is the same on each."""
    return "sqlite"


async def test_code_and_pin_open_the_own_record_with_a_cookie_that_scripts_cannot_read(clinic: Clinic) -> None:
    issued = await letter(clinic)

    http, answer = await enter(clinic, issued)

    assert (answer.status_code, answer.headers["location"]) == (303, "/my")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("telemed_my=") and "httponly" in cookie and "samesite=strict" in cookie
    assert issued.code not in str(answer.headers) and PATIENT not in str(answer.headers)
    shown = await http.get("/my")
    assert "Karla Musterkai&lt;script&gt;" in shown.text and "Praxis am Hafen" in shown.text


async def test_looking_at_the_address_consumes_nothing_and_shows_nothing_personal(clinic: Clinic) -> None:
    issued = await letter(clinic)

    answers = [await clinic.service.http.get("/my") for _ in range(ALLOWED_FAILURES + 1)]

    assert {answer.status_code for answer in answers} == {200} and "set-cookie" not in answers[0].headers
    assert "Musterkai" not in answers[0].text and "Hafen" not in answers[0].text
    assert (await enter(clinic, issued))[1].status_code == 303


async def test_no_page_opens_without_a_session(clinic: Clinic) -> None:
    for path in PAGES:
        answer = await browser(clinic).get(path)

        assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("LetterCode"), path
        assert 'name="pin"' in answer.text and "Musterkai" not in answer.text, path


async def test_wrong_code_and_wrong_pin_give_the_same_answer_and_the_fifth_locks(clinic: Clinic) -> None:
    issued = await letter(clinic)
    wrong = "000000" if issued.pin != "000000" else "000001"

    of_pin = [(await enter(clinic, issued, pin=wrong))[1] for _ in range(ALLOWED_FAILURES + 1)]
    unknown = codes.Issued("0000-0000-0000", issued.pin)
    of_code = [(await enter(clinic, unknown))[1] for _ in range(ALLOWED_FAILURES + 1)]

    assert [answer.status_code for answer in of_pin] == [401] * 4 + [429] * 2
    assert [a.text.replace(issued.code, "") for a in of_pin] == [a.text.replace(unknown.code, "") for a in of_code]
    assert WRONG in of_pin[0].text and "gesperrt" in of_pin[-1].text
    assert (await enter(clinic, issued))[1].status_code == 429


async def test_an_address_that_guesses_is_asked_to_wait(clinic: Clinic) -> None:
    issued = await letter(clinic)
    for number in range(ADDRESS_FAILURES):
        await enter(clinic, codes.Issued(f"0000-0000-{number:04}", issued.pin))

    answer = (await enter(clinic, issued))[1]

    assert answer.status_code == 429 and "zehn Minuten" in answer.text and int(answer.headers["retry-after"]) > 0


async def test_a_session_ends_a_quarter_of_an_hour_after_its_last_use(clinic: Clinic) -> None:
    http = await inside(clinic)

    used = []
    for turn in (1, 2):
        with later(clinic.services, turn * (IDLE - timedelta(seconds=1))):
            used.append((await http.get("/my/consents")).status_code)
    with later(clinic.services, 3 * IDLE):
        left = await http.get("/my/consents")

    assert used == [200, 200]
    assert left.status_code == 401 and "15 Minuten" in left.text


async def test_no_session_outlasts_two_hours_however_often_it_is_used(clinic: Clinic) -> None:
    http = await inside(clinic)

    statuses = []
    for step in range(int(ABSOLUTE / timedelta(minutes=10)) + 1):
        with later(clinic.services, step * timedelta(minutes=10)):
            statuses.append((await http.get("/my/requests")).status_code)

    assert statuses[:-1] == [200] * (len(statuses) - 1) and statuses[-1] == 401


async def test_a_second_device_takes_over_and_the_first_one_is_told(clinic: Clinic) -> None:
    issued = await letter(clinic)
    first, _ = await enter(clinic, issued)
    second, _ = await enter(clinic, issued)

    told = await first.get("/my/record")

    assert told.status_code == 401 and "auf einem anderen Gerät" in told.text and "rufen Sie uns sofort an" in told.text
    assert (await second.get("/my/record")).status_code == 200


async def test_a_new_letter_puts_the_device_with_the_old_one_out(clinic: Clinic) -> None:
    http = await inside(clinic)
    await letter(clinic)

    answer = await http.get("/my")

    assert 'name="pin"' in answer.text and "Dieser Brief öffnet nichts mehr" in answer.text


async def test_signing_out_ends_the_session_and_not_only_the_cookie(clinic: Clinic) -> None:
    http = await inside(clinic)
    kept = dict(http.cookies)

    answer = await http.post("/my/leave")

    assert "Sie sind abgemeldet" in answer.text and "telemed_my" not in http.cookies
    again = browser(clinic)
    again.cookies.update(kept)
    assert (await again.get("/my/record")).status_code == 401


async def test_a_foreign_page_changes_nothing(clinic: Clinic) -> None:
    http = await inside(clinic)
    forms = {
        "/my": {"code": "x", "pin": "y"},
        "/my/consents": {"action": "statistics-yes"},
        "/my/requests": {"action": "ask", "kind": "erasure"},
        "/my/erasure": {"pin": "000000"},
        "/my/leave": {"x": "y"},
    }

    for path, data in forms.items():
        answer = await http.post(path, data=data, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403, path

    assert (await http.get("/my/record")).status_code == 200


async def test_what_no_form_of_ours_sends_is_a_400(clinic: Clinic) -> None:
    http = await inside(clinic)
    forms = [
        ("/my/consents", {"action": "other"}),
        ("/my/consents", {"action": "allow", "clinic": "x", "lasts": "9999"}),
        ("/my/requests", {"action": "ask", "kind": "anything"}),
        ("/my/requests", {"x": "y"}),
    ]

    assert [(await http.post(path, data=data)).status_code for path, data in forms] == [400] * len(forms)


async def test_json_is_no_form(clinic: Clinic) -> None:
    assert (await browser(clinic).post("/my", json={"code": "x", "pin": "y"})).status_code == 415


async def test_under_tls_the_cookie_is_kept_to_this_host(clinic: Clinic) -> None:
    services = clinic.services
    secure = services.settings.model_copy(update={"base_url": "https://telemed.example"})
    issued = await letter(clinic)
    object.__setattr__(services, "settings", secure)

    answer = (await enter(clinic, issued))[1]

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-telemed_my=") and "Secure" in cookie and "Path=/" in cookie


async def test_the_session_knows_its_patient_and_nobody_elses(clinic: Clinic) -> None:
    http = await inside(clinic)
    cookie = {"cookie": f"telemed_my={http.cookies['telemed_my']}"}

    found = await mine.patient_of(connection(clinic, cookie))

    assert found is not None and (found.tenant, found.patient_id) == (TENANT, PATIENT)
    assert await mine.patient_of(connection(clinic, {})) is None
    assert await mine.patient_of(connection(clinic, {"cookie": "telemed_my=guess"})) is None


def connection(clinic: Clinic, headers: dict[str, str]) -> HTTPConnection:
    """A request as code that decides about access sees it."""
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "method": "GET", "headers": raw, "app": clinic.service.app})
