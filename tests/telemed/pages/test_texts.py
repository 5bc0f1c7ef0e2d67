"""Every text that people see stands in every catalogue, and no page mixes languages."""

import re

import pytest

from telemed.pages import catalogue
from telemed.pages.languages import LANGUAGES, choose, translate
from telemed.pages.texts import REFUSALS, told
from telemed.visits.codes import Refusal

PLACEHOLDER = re.compile(r"%\w|%\(\w+\)s")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_no_catalogue_has_texts_that_are_gone(language: str) -> None:
    used = {text for text, _ in catalogue.texts()}
    held = {str(message.id): str(message.string) for message in catalogue.catalogue(language) if message.id}

    assert used - held.keys() == set()
    assert held.keys() - used == set()
    assert [text for text, words in held.items() if not words.strip()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_same_placeholders(language: str) -> None:
    messages = [message for message in catalogue.catalogue(language) if message.id]

    differing = [
        message.id
        for message in messages
        if sorted(PLACEHOLDER.findall(str(message.id))) != sorted(PLACEHOLDER.findall(str(message.string)))
    ]

    assert differing == []


def test_german_is_not_english() -> None:
    same_in_both = {"Video", "PIN"}

    untouched = {str(m.id) for m in catalogue.catalogue("de") if m.id and m.id == m.string}

    assert untouched <= same_in_both


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_has_its_words(refusal: Refusal) -> None:
    assert told(refusal.value, "de", number=3, time="09:30").title
    assert "%" not in told(refusal.value, "en", number=3, time="09:30").advice
    assert refusal.value in REFUSALS


@pytest.mark.parametrize(
    ("asked", "cookie", "accepted", "chosen"),
    [
        (None, None, "", "de"),
        ("en", "de", "de", "en"),
        ("xx", "en", "de", "en"),
        (None, None, "en-GB,en;q=0.9,de;q=0.8", "en"),
        (None, None, "fr, de;q=0.5, en;q=0.7", "en"),
        (None, None, "de;q=x,," + "a" * 1000, "de"),
    ],
)
def test_the_language_is_asked_for_remembered_or_preferred(
    asked: str | None, cookie: str | None, accepted: str, chosen: str
) -> None:
    assert choose(asked=asked, cookie=cookie, accepted=accepted) == chosen


def test_an_unknown_text_stays_as_it_is() -> None:
    assert translate("de", "no such text") == "no such text"
