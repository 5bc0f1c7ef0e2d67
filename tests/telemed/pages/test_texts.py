"""Every text that people see stands in every catalogue, and no page mixes languages."""

import json
import re

import pytest
from babel.messages import Catalog

from telemed.pages import catalogue
from telemed.pages.assets import assets
from telemed.pages.languages import (
    LANGUAGES,
    PATIENT,
    STAFF,
    STAFF_LANGUAGES,
    choose,
    is_reviewed,
    languages_at,
    reviewer,
    translate,
)
from telemed.pages.texts import REFUSALS, told
from telemed.pages.visit_routes import CHECK_WORDS
from telemed.visits.codes import Refusal

PLACEHOLDER = re.compile(r"%\w|%\(\w+\)s")


CATALOGUES = [(domain, language) for domain, languages in catalogue.DOMAINS.items() for language in languages]
# Rules of DIN 8581-1 that a program can check; the rest takes a reader.
MOST_WORDS, LONGEST_WORD = 12, 14


@pytest.mark.parametrize(("domain", "language"), CATALOGUES)
def test_every_text_is_translated_and_no_catalogue_has_texts_that_are_gone(domain: str, language: str) -> None:
    used = {text for text, _ in catalogue.texts(domain)}
    if domain == STAFF:
        used -= {text for text, _ in catalogue.texts(PATIENT)}
    held = held_in(language, domain)

    assert used - held.keys() == set()
    assert held.keys() - used == set()
    assert [text for text, words in held.items() if not words.strip()] == []


def test_a_text_that_is_not_translated_is_noticed() -> None:
    made = Catalog()
    made.add("new", "")

    assert [message.id for message in made if message.id and not message.string] == ["new"]


@pytest.mark.parametrize(("domain", "language"), CATALOGUES)
def test_a_translation_has_the_same_placeholders(domain: str, language: str) -> None:
    differing = [
        text
        for text, words in held_in(language, domain).items()
        if sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(words))
    ]

    assert differing == []


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_no_language_is_english(language: str) -> None:
    same_in_both = {"Video", "PIN", "Link", "Patient", "Statistics", "booked", "diagnosis", "vaccination"}

    untouched = {text for text, words in held_in(language, PATIENT).items() if text == words}

    assert untouched <= same_in_both


@pytest.mark.parametrize(("language", "script"), [("uk", "А-яЇїІіЄєҐґ"), ("ru", "А-яЁё"), ("ar", "\u0600-\u06ff")])
def test_a_language_with_a_script_of_its_own_is_written_in_it(language: str, script: str) -> None:
    foreign = [
        text
        for text, words in held_in(language, PATIENT).items()
        if words != "PIN" and not re.search(f"[{script}]", words)
    ]

    assert foreign == []


def test_plain_german_has_short_sentences_and_words() -> None:
    long_sentences, long_words = [], []
    for words in held_in("de-simple", PATIENT).values():
        text = PLACEHOLDER.sub("x", words)
        long_sentences += [each for each in re.split(r"[.!?:]\s", text) if len(each.split()) > MOST_WORDS]
        long_words += [each for each in re.findall(r"[^\W\d_]+", text) if len(each) > LONGEST_WORD]

    assert (long_sentences, long_words) == ([], [])


def test_a_catalogue_names_its_reader_and_only_reviewed_languages_ask_for_consent() -> None:
    assert [language for language in LANGUAGES if is_reviewed(language)] == ["de", "en"]
    assert list(languages_at("/my/consents")) == ["de", "en"]
    assert list(languages_at("/my")) == list(LANGUAGES)
    assert languages_at("/console/visits/1") == STAFF_LANGUAGES
    assert reviewer('"X-Reviewed-By: A. Reader, 2027-01-31\\n"\n') == "A. Reader, 2027-01-31"
    assert reviewer('"X-Reviewed-By: \\n"\n') == "" == reviewer("")


@pytest.mark.parametrize("language", CHECK_WORDS)
def test_check_words_in_another_script_are_as_many_and_no_two_the_same(language: str) -> None:
    ours = json.loads(assets()[CHECK_WORDS[language]].plain)
    written = re.search(r"WORDS = `(.*?)`", assets()["video/sas.js"].plain.decode(), re.DOTALL)

    assert written is not None
    assert len(set(ours)) == len(ours) == len(written.group(1).split()) == 256


def held_in(language: str, domain: str) -> dict[str, str]:
    """The texts of a catalogue and their translations."""
    return {str(message.id): str(message.string) for message in catalogue.catalogue(language, domain) if message.id}


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
