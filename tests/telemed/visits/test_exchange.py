"""`POST /j`: what a code and a birth date give, over HTTP."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from telemed.pages.times import short_day
from telemed.visits import codes
from telemed.visits.birth_dates import read_date
from telemed.visits.codes import ALLOWED_FAILURES, Window
from telemed.visits.limits import ADDRESS_FAILURES
from telemed.visits.models import CodeState, JoinCode
from tests.telemed.visits.clinic import BORN, TENANT, VIDEO, Clinic

TODAY = date(2026, 11, 30)


@pytest.fixture
def database_kind() -> str:
    """`test_codes` runs on both databases; what HTTP adds is the same on each."""
    return "sqlite"


@pytest.mark.parametrize("typed", ["14.03.1951", "14.3.1951", "14031951", "14 03 1951", "14/03/1951", "1951-03-14"])
def test_a_birth_date_is_understood_as_people_write_it(typed: str) -> None:
    assert read_date(typed, today=TODAY) == BORN


@pytest.mark.parametrize("typed", ["", "gestern", "31.02.1951", "1951", "140351", "99999999999", "٣٤.٣.١٩٥١"])
def test_what_is_no_date_is_none(typed: str) -> None:
    assert read_date(typed, today=TODAY) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("14. Juli 1966", date(1966, 7, 14)),
        ("14 July 1966", date(1966, 7, 14)),
        ("14.Jul.1966", date(1966, 7, 14)),
        ("1. März 51", date(1951, 3, 1)),
        ("3 maerz 1951", date(1951, 3, 3)),
        ("14.7.66", date(1966, 7, 14)),
        ("30.11.26", date(2026, 11, 30)),
        ("1.12.26", date(1926, 12, 1)),
        ("29.2.24", date(2024, 2, 29)),
        ("14. Jemand 1966", None),
        ("31. Juni 1966", None),
        ("14.7.966", None),
    ],
)
def test_a_month_may_have_its_name_and_a_year_two_digits_of_the_past(typed: str, meant: date | None) -> None:
    assert read_date(typed, today=TODAY) == meant


@given(st.dates(date(1916, 12, 1), TODAY), st.sampled_from(["de", "en"]))
def test_every_birth_date_is_read_back_as_our_pages_write_it(born: date, language: str) -> None:
    assert read_date(short_day(born, language=language), today=TODAY) == born
    short = read_date(f"{born.day}.{born.month}.{born.year % 100:02}", today=TODAY)
    assert short is not None and short <= TODAY and short.year % 100 == born.year % 100


async def test_the_form_opens_the_visit_with_a_cookie_that_scripts_cannot_read(clinic: Clinic) -> None:
    answer = await clinic.service.http.post("/j", data={"code": clinic.code.lower(), "birth_date": "14031951"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/visit")
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("telemed_visit=") and "httponly" in cookie and "samesite=strict" in cookie
    assert VIDEO not in answer.headers["location"] and clinic.code not in str(answer.headers)


async def test_json_opens_the_visit_too(clinic: Clinic) -> None:
    answer = await clinic.service.http.post("/j", json={"code": clinic.code, "birth_date": "1951-03-14"})

    assert answer.status_code == 200
    assert answer.json() == {"appointment": VIDEO, "next": "/visit"}


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"\xff", b'{"code":5}', b'{"code":NaN}', b"[" * 5000])
async def test_json_that_is_not_what_is_asked_for_is_a_400(clinic: Clinic, body: bytes) -> None:
    answer = await clinic.service.http.post("/j", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("form", ["json", "data"])
async def test_wrong_code_and_wrong_date_give_the_same_answer(clinic: Clinic, form: str) -> None:
    post = clinic.service.http.post
    typed = "ABCD-EFGH-JKMN"
    wrong_code = {"code": typed, "birth_date": "14.03.1951"}
    wrong_date = {"code": clinic.code, "birth_date": "15.03.1951"}

    answers = [
        await (post("/j", json=body) if form == "json" else post("/j", data=body)) for body in (wrong_code, wrong_date)
    ]

    assert [answer.status_code for answer in answers] == [401, 401]
    # The form shows what was typed again; apart from that not a byte differs.
    assert answers[0].text == answers[1].text.replace(clinic.code, typed)
    assert "set-cookie" not in answers[1].headers


@pytest.mark.parametrize("form", ["json", "data"])
async def test_a_date_that_cannot_be_read_uses_up_no_try_and_tells_how_to_write_it(clinic: Clinic, form: str) -> None:
    post, typed = clinic.service.http.post, "ABCD-EFGH-JKMN"
    bodies = [{"code": code, "birth_date": "gestern"} for code in (typed, *[clinic.code] * (ALLOWED_FAILURES + 1))]

    answers = [await (post("/j", json=body) if form == "json" else post("/j", data=body)) for body in bodies]
    right = await post("/j", data={"code": clinic.code, "birth_date": "14.03.1951"})

    assert {answer.status_code for answer in answers} == {422}
    assert ('value="gestern"' in answers[0].text) == (form == "data")
    assert "14.03.1951" in answers[0].text and answers[0].text == answers[1].text.replace(clinic.code, typed)
    assert right.status_code == 303


@pytest.mark.parametrize(
    ("language", "title"), [("de", "Code und Geburtsdatum passen"), ("en", "Code and date of birth")]
)
async def test_a_refusal_as_data_speaks_one_language(clinic: Clinic, language: str, title: str) -> None:
    sent = {"code": clinic.code, "birth_date": "15.03.1951"}

    answer = await clinic.service.http.post("/j", json=sent, headers={"Accept-Language": language})

    assert answer.json()["title"].startswith(title) and answer.headers["content-language"] == language
    assert ("versuchen" in answer.json()["detail"]) == (language == "de")


async def test_after_five_wrong_dates_even_the_right_one_is_told_to_call(clinic: Clinic) -> None:
    for _ in range(ALLOWED_FAILURES):
        await clinic.service.http.post("/j", json={"code": clinic.code, "birth_date": "15.03.1951"})

    answer = await clinic.service.http.post("/j", data={"code": clinic.code, "birth_date": "14.03.1951"})

    assert answer.status_code == 429
    assert "rufen Sie uns an" in answer.text and "set-cookie" not in answer.headers


async def test_the_code_of_a_cancelled_appointment_says_so(clinic: Clinic) -> None:
    await clinic.change("Appointment", VIDEO, status="cancelled")

    answer = await clinic.service.http.post("/j", data={"code": clinic.code, "birth_date": "14.03.1951"})
    wrong = await clinic.service.http.post("/j", data={"code": clinic.code, "birth_date": "15.03.1951"})

    assert answer.status_code == 409 and "wurde abgesagt" in answer.text
    assert wrong.status_code == 401 and "abgesagt" not in wrong.text


async def test_a_moved_appointment_ends_its_code_and_its_open_session(clinic: Clinic) -> None:
    browser = await clinic.patient()
    start = clinic.services.clock.now() + timedelta(days=1)
    times = {"start": start.isoformat(), "end": (start + timedelta(minutes=20)).isoformat()}

    await clinic.change("Appointment", VIDEO, **times)

    assert (await browser.post(f"/visits/{VIDEO}/join")).status_code == 401
    answer = await clinic.service.http.post("/j", data={"code": clinic.code, "birth_date": "14.03.1951"})
    assert answer.status_code == 409 and "neueren Code" in answer.text
    active = select(JoinCode).where(JoinCode.state == CodeState.ACTIVE)
    assert len(await clinic.services.database.read(lambda session: session.exec(active).all())) == 1


# Minutes from now to the start of an appointment of twenty minutes.
@pytest.mark.parametrize(
    ("minutes", "status", "said"),
    [(31, 409, "zu früh"), (29, 303, ""), (-20 - 239, 303, ""), (-20 - 241, 409, "vorbei"), (-2880, 409, "vorbei")],
)
async def test_a_code_opens_half_an_hour_early_and_for_four_hours_after_the_end(
    clinic: Clinic, minutes: int, status: int, said: str
) -> None:
    start = clinic.services.clock.now() + timedelta(minutes=minutes)
    code = await clinic.services.database.write(
        lambda session: codes.issue(
            session,
            clinic.services.vault,
            appointment_id=VIDEO,
            tenant=TENANT,
            factor=BORN,
            window=Window.around(start, start + timedelta(minutes=20)),
        )
    )

    answer = await clinic.service.http.post("/j", data={"code": code, "birth_date": "14.03.1951"})

    assert answer.status_code == status and said in answer.text


async def test_an_address_that_guesses_has_to_wait(clinic: Clinic) -> None:
    for number in range(ADDRESS_FAILURES):
        await clinic.service.http.post("/j", json={"code": f"{number:012}", "birth_date": "14.03.1951"})

    answer = await clinic.service.http.post("/j", json={"code": clinic.code, "birth_date": "14.03.1951"})

    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 0


async def test_a_foreign_page_cannot_post_a_code(clinic: Clinic) -> None:
    answer = await clinic.service.http.post(
        "/j", data={"code": clinic.code, "birth_date": "14.03.1951"}, headers={"Sec-Fetch-Site": "cross-site"}
    )

    assert answer.status_code == 403 and "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://evil.example", 403), ("null", 403), ("http://localhost.evil.example", 403), ("", 403), (None, 303)],
)
async def test_an_older_browser_cannot_be_made_to_post_a_code_from_a_foreign_page(
    clinic: Clinic, origin: str | None, status: int
) -> None:
    headers = {} if origin is None else {"Origin": origin}

    answer = await clinic.service.http.post(
        "/j", data={"code": clinic.code, "birth_date": "14.03.1951"}, headers=headers
    )

    assert (answer.status_code, "set-cookie" in answer.headers) == (status, status == 303)


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}])
async def test_our_own_page_may_post_a_code(clinic: Clinic, headers: dict[str, str]) -> None:
    http = clinic.service.http
    own = f"{http.base_url.scheme}://{http.base_url.netloc.decode()}"

    answer = await http.post(
        "/j", data={"code": clinic.code, "birth_date": "14.03.1951"}, headers={"Origin": own, **headers}
    )

    assert answer.status_code == 303


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ('{"code": 1, "birth_date": 2}', "application/json", 400),
        ("code=1", "text/plain", 415),
        ("x" * 20_000, "application/x-www-form-urlencoded", 413),
        ("", "application/x-www-form-urlencoded", 422),
    ],
)
async def test_bad_input_gets_a_clear_answer(clinic: Clinic, content: str, kind: str, status: int) -> None:
    answer = await clinic.service.http.post("/j", content=content, headers={"Content-Type": kind})

    assert answer.status_code == status
    assert "traceback" not in answer.text.lower()


async def test_a_second_device_takes_over_and_the_first_is_told(clinic: Clinic) -> None:
    phone = await clinic.patient()

    tablet = await clinic.patient()

    assert (await tablet.post(f"/visits/{VIDEO}/join")).status_code == 200
    assert (await phone.post(f"/visits/{VIDEO}/join")).status_code == 401
    assert "anderen Gerät" in (await phone.get("/visit")).text
