"""Every setting has a line in a manual, and every line a setting."""

import re

from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from infra.settings import Settings
from telemed.demo.options import Options
from tests.docs.manuals import manual, section

LINE = re.compile(r"^\| `([A-Z_]+)` \| ([^|]+) \|", re.MULTILINE)


def undocumented(settings: type[Settings], text: str) -> set[str]:
    """Settings without a line, lines without a setting."""
    prefix = str(settings.model_config["env_prefix"])
    return {f"{prefix}{name.upper()}" for name in settings.model_fields} ^ {name for name, _ in LINE.findall(text)}


def misstated(settings: type[Settings], text: str) -> set[str]:
    """Settings whose line shows another default than the one in force; a text or number that stands for itself."""
    lines: dict[str, str] = dict(LINE.findall(text))
    wrong = set()
    for name, field in settings.model_fields.items():
        variable = f"{settings.model_config['env_prefix']}{name.upper()}"
        plain = isinstance(field.default, str | int) and not isinstance(field.default, bool) and field.default != ""
        if plain and str(field.default) != lines.get(variable, "").strip("` "):
            wrong.add(variable)
    return wrong


def demo_variables(options: type[BaseSettings]) -> set[str]:
    """The environment variables that a demo is started with."""
    aliases = (field.validation_alias for field in options.model_fields.values())
    return {str(alias.choices[0]) for alias in aliases if isinstance(alias, AliasChoices)}


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert undocumented(Settings, section(manual("infra"), "Settings")) == set()


def test_the_manual_shows_the_defaults_in_force() -> None:
    assert misstated(Settings, section(manual("infra"), "Settings")) == set()


def test_every_variable_of_the_demo_is_documented_and_nothing_else() -> None:
    named = {name for name, _ in LINE.findall(section(manual("telemed"), "Demo"))}

    assert demo_variables(Options) ^ named == set()


def test_an_undocumented_setting_is_named() -> None:
    class Seeded(Settings):
        seeded: int = 1

    text = section(manual("infra"), "Settings") + "| `TELEMED_GONE` | none | no longer there |\n"

    assert undocumented(Seeded, text) == {"TELEMED_SEEDED", "TELEMED_GONE"}


def test_another_default_is_named() -> None:
    class Seeded(Settings):
        phone: str = "0000"

    assert misstated(Seeded, section(manual("infra"), "Settings")) == {"TELEMED_PHONE"}
