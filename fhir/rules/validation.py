"""One question: is this a valid R4 resource? All that is wrong is told at once."""

from typing import Any

from pydantic import ValidationError

from fhir import models
from fhir.codec import Parsed
from infra.problems import Issue, Unprocessable


class Invalid(Unprocessable):
    """The resource is not valid. The issues say what to change."""


def validate(parsed: Parsed) -> None:
    """Nothing if the resource is valid; otherwise `Invalid` with every issue and where it stands."""
    issues = list(_shape(parsed.type, parsed.data))
    if issues:
        raise Invalid(issues=issues)


def _shape(type: str, data: dict[str, Any]) -> list[Issue]:
    try:
        models.model(type).model_validate(data)
    except ValidationError as wrong:
        return [
            Issue("structure", "This element is not as R4 defines it.", (".".join(map(str, (type, *error["loc"]))),))
            for error in wrong.errors(include_url=False, include_input=False, include_context=False)
        ]
    return []
