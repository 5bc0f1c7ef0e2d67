"""Languages where words bind: consents are asked for in reviewed ones alone, and letters can be printed."""

from datetime import UTC, datetime

import pytest

from telemed.mydata.texts import UNREVIEWED
from telemed.notices.content import Content, Method, recipient_of
from telemed.notices.message import House, message
from telemed.notices.models import Channel
from telemed.pages.languages import LANGUAGES, is_reviewed, translate
from tests.telemed.mydata.letters import inside
from tests.telemed.visits.clinic import Clinic

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
HOUSE = House("https://telemed.example", "desk@telemed.example", "0431 0000000")


@pytest.fixture
def database_kind() -> str:
    """None of this depends on the database; SQLite will do."""
    return "sqlite"


def invited(language: str) -> Content:
    """An invitation for somebody who reads this language."""
    return Content(
        Method.REQUEST, "a1", 0, NOW, NOW, NOW, language, "k@example.org", "Karla Muster", (), "ABCD-EFGH-JKMN"
    )


async def test_consents_are_asked_for_in_a_reviewed_language_and_the_page_says_why(clinic: Clinic) -> None:
    browser = await inside(clinic)

    for language in LANGUAGES:
        browser.cookies.set("lang", language)
        overview, consents = (await browser.get("/my")).text, (await browser.get("/my/consents")).text
        asked_in = language if is_reviewed(language) else "de"
        assert f'<html lang="{language}"' in overview
        assert f'<html lang="{asked_in}"' in consents and translate(asked_in, "Yes, count me") in consents
        assert (translate(language, UNREVIEWED) in consents) == (not is_reviewed(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_and_a_letter_are_in_the_readers_language(language: str) -> None:
    mail, letter = (message(invited(language), channel, house=HOUSE) for channel in (Channel.MAIL, Channel.LETTER))

    assert mail.subject == letter.subject == translate(language, "Your video appointment")


def test_a_patient_who_speaks_one_of_our_languages_is_written_to_in_it() -> None:
    said = {"communication": [{"language": {"coding": [{"code": "uk-UA"}]}}]}

    assert recipient_of(said).language == "uk"
