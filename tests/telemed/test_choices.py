"""What the operator sets reaches the record."""

import pytest
from pydantic import ValidationError

from fhir.choices import Choices, ConditionalDelete, Dangling
from infra.settings import Environment, Settings
from telemed.app import create_app
from telemed.wiring import _refusals

ALWAYS = 1  # entries that pass for another clinic's are refused whatever is set


def test_the_record_is_strict_if_nothing_is_set() -> None:
    settings = Settings(environment=Environment.DEMO)

    assert create_app(settings).state.choices == Choices()
    assert len(_refusals(settings, None)) == ALWAYS  # type: ignore[arg-type]  # asked only where something is refused


def test_the_settings_are_the_records_choices() -> None:
    settings = Settings(
        environment=Environment.DEMO,
        update_creates=True,
        conditional_delete="multiple",
        dangling_references="refuse",
    )

    expected = Choices(update_creates=True, conditional_delete=ConditionalDelete.MULTIPLE, dangling=Dangling.REFUSE)
    assert create_app(settings).state.choices == expected
    assert len(_refusals(settings, None)) == ALWAYS + 1  # type: ignore[arg-type]  # not called here


def test_another_value_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings(dangling_references="perhaps")
