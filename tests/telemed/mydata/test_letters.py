"""The two letters on paper: what each carries, and that neither alone opens anything."""

from datetime import UTC, datetime

import pytest
import zxingcpp

from telemed.mydata.letters import Held, Sheets, message, my_url
from telemed.notices.message import House
from tests.telemed.notices.test_delivery import printed

HOUSE = House("https://telemed.example", "termin@telemed.example", "0431 0000000")
CODE, PIN = "ABCD-EFGH-JKMN", "012345"
TO = ("Karla Muster", "Dorfstraße 1", "24214 Gettorf")


def held(sheet: Sheets, secret: str, *, language: str = "de") -> Held:
    """What a letter is made of."""
    return Held(sheet, secret, TO, language, datetime(2026, 11, 23, 9, tzinfo=UTC), "2027-02-21")


@pytest.mark.parametrize(
    ("language", "words"), [("de", "Ihre Daten in dieser Praxis"), ("en", "Your data at this clinic")]
)
def test_the_letter_has_address_short_way_code_and_a_qr_code_and_no_pin(language: str, words: str) -> None:
    made = message(held(Sheets.CODE, CODE, language=language), house=HOUSE)

    pdf = made.attachments[0].body
    for text in (*TO, words, "telemed.example/my", CODE):
        assert text.encode("latin-1") in pdf
    [seen] = zxingcpp.read_barcodes(printed(pdf))
    assert seen.text == made.link == f"https://telemed.example/my#{CODE}"
    assert b"?" not in pdf.partition(b"BT")[2].partition(b"xref")[0]


def test_the_second_letter_has_the_pin_alone() -> None:
    made = message(held(Sheets.PIN, PIN), house=HOUSE)

    pdf = made.attachments[0].body
    assert b"012 345" in pdf and made.link == "" and zxingcpp.read_barcodes(printed(pdf)) == []
    assert b"/my" not in pdf


def test_the_address_is_short_and_carries_the_code_behind_the_hash_only() -> None:
    link = my_url("https://telemed.example/", "abcd efgh jkmn")

    assert link == f"https://telemed.example/my#{CODE}" and len(link) <= 45
