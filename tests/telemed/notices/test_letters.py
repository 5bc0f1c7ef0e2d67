"""Letters in every language: its own letters, its own direction, on one page."""

from datetime import UTC, datetime

import pytest
import zxingcpp

from telemed.notices.content import Content, Method
from telemed.notices.message import House, Message, message
from telemed.notices.models import Channel
from telemed.notices.wording import UNREVIEWED
from telemed.pages.languages import LANGUAGES, is_reviewed, translate
from tests.telemed.notices.printing import SCALE, Printed, read

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
HOUSE = House("https://telemed.example", "termin@telemed.example", "0431 7654321")
CODE = "ABCD-EFGH-JKMN"
# A word of each language's letter that has letters of its own, as it stands on paper.
OWN = {
    "uk": "понеділок, 30 листопада 2026",
    "ru": "понедельник, 30 ноября 2026",
    "tr": "Görüntülü",
    "pl": "poniedziałek, 30 listopada 2026",
    "da": "mandag den 30. november 2026",
    "ar": "نوفمبر",
}


def invited(language: str, *, name: str = "Karla Muster", renewed: bool = False) -> Content:
    """What an invitation says, to somebody with a street."""
    to = ("Dorfstraße 1", "24214 Gettorf")
    return Content(Method.REQUEST, "a1", 0, NOW, NOW, NOW, language, "k@example.org", name, to, CODE, renewed=renewed)


def written(language: str, *, name: str = "Karla Muster", renewed: bool = False) -> tuple[Message, Printed]:
    """An invitation by post, and what a viewer makes of it."""
    made = message(invited(language, name=name, renewed=renewed), Channel.LETTER, house=HOUSE)
    return made, read(made.attachments[0].body)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_letter_is_in_the_readers_own_letters_on_one_page_and_can_be_scanned(language: str) -> None:
    made, seen = written(language)

    assert seen.pages == 1
    assert OWN.get(language, "") in seen.text
    assert "Dorfstraße 1" in seen.text and CODE in seen.text and "telemed.example/j" in seen.text
    assert not {"?", "\ufffd"} & set(seen.text)
    [scanned] = zxingcpp.read_barcodes(seen.picture)
    assert scanned.text == made.link


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_letter_says_so_where_no_native_reader_has_checked_the_language(language: str) -> None:
    made, seen = written(language)

    first = translate(language, UNREVIEWED).split()[0]
    assert (first in seen.text) == (not is_reviewed(language))
    assert made.subject == translate(language, "Your video appointment")


def test_arabic_begins_at_the_right_and_the_address_stays_in_its_window() -> None:
    _, seen = written("ar")

    [scanned] = zxingcpp.read_barcodes(seen.picture)
    assert seen.edges("Karla Muster")[0] < 80
    assert seen.edges("موعدك")[1] > seen.picture.width / SCALE - 80
    assert seen.edges(CODE)[1] < scanned.position.top_left.x / SCALE


def test_a_phone_number_keeps_its_order_among_arabic_words() -> None:
    _, seen = written("ar")

    assert seen.edges("0431")[1] <= seen.edges("7654321")[0]


def test_a_name_in_other_letters_arrives_as_it_is_written() -> None:
    _, seen = written("de", name="Şule Олена Łukaszewicz-Öztürk")

    assert "Şule Олена Łukaszewicz-Öztürk" in seen.text
    assert "Montag, 30. November 2026" in seen.text


def test_of_letters_that_no_font_here_has_the_post_is_not_stopped() -> None:
    _, seen = written("de", name="Karla 山田")

    assert "Karla ??" in seen.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_letter_with_a_new_code_says_one_sentence_more_and_is_still_one_page(language: str) -> None:
    assert written(language, renewed=True)[1].pages == 1


@pytest.mark.parametrize("channel", Channel)
def test_letter_and_mail_say_what_it_is_what_one_needs_and_whom_to_ask(channel: Channel) -> None:
    made = message(invited("de"), channel, house=HOUSE)

    said = made.text or " ".join(read(made.attachments[0].body).text.split())
    for words in ("Videotermin", "mit Kamera und Mikrofon", "ab 09:30 Uhr", "unter der Nummer an, die Sie kennen"):
        assert words in said
    assert "Ihre Praxis" in said
    assert ("diesen Link" in said) == (channel is Channel.MAIL)  # paper has no link to open
