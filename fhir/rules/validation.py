"""One question: is this a valid R4 resource? All that is wrong is told at once."""

from typing import Any, Final

from pydantic import ValidationError

from fhir import models
from fhir.codec import Parsed
from fhir.rules.elements import check_resource
from fhir.rules.shapes import shape
from infra.problems import Issue, Unprocessable

_EXTENSIONS: Final = ("extension", "modifierExtension")


class Invalid(Unprocessable):
    """The resource is not valid. The issues say what to change."""


def prepare() -> None:
    """Nothing; afterwards all model classes are imported, which takes seconds. For the start, before the first request."""
    waiting = [models.model(type) for type in models.KNOWN]
    seen = set(waiting)
    while waiting:
        inner = {element.model for element in shape(waiting.pop()).elements.values() if element.model is not None}
        waiting += inner - seen
        seen |= inner


def validate(parsed: Parsed) -> None:
    """Nothing if the resource is valid; otherwise `Invalid` with every issue and where it stands."""
    # Our walk comes first: the library may fail on shapes it does not expect, and the walk lets none of those through.
    issues = check_resource(parsed.type, parsed.data) or _library_issues(parsed)
    if issues:
        raise Invalid(issues=issues)


def _library_issues(parsed: Parsed) -> list[Issue]:
    try:
        models.model(parsed.type).model_validate(_palatable(parsed))
    except ValidationError as wrong:
        # The library's sentences may quote the value, so only the place and the kind of error go out.
        errors = wrong.errors(include_url=False, include_input=False, include_context=False)
        return [
            Issue(
                "structure",
                f"Change this element: R4 does not allow it so ({error['type']}).",
                (_place(parsed.type, error["loc"]),),
            )
            for error in errors
        ]
    return []


def _place(type: str, location: tuple[int | str, ...]) -> str:
    return type + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _palatable(parsed: Parsed) -> dict[str, Any]:
    """The data as the library can take it.

    It refuses `_value*` inside extensions though R4 allows it (the walk has checked those), and the entries of a Bundle
    are resources of their own.
    """
    data = parsed.data
    if parsed.type == "Bundle" and "entry" in data:
        entries = [{key: value for key, value in entry.items() if key != "resource"} for entry in data["entry"]]
        data = data | {"entry": [entry for entry in entries if entry]}
        if not data["entry"]:
            del data["entry"]
    if b'"_value' in parsed.raw:
        data = _without_value_siblings(data, in_extension=False)
    return data


def _without_value_siblings(node: Any, *, in_extension: bool) -> Any:
    if isinstance(node, list):
        return [_without_value_siblings(item, in_extension=in_extension) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_value_siblings(value, in_extension=key in _EXTENSIONS)
        for key, value in node.items()
        if not (in_extension and key.startswith("_value"))
    }
