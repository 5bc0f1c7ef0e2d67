"""The input of an operation: a FHIR Parameters resource, strictly read. http://hl7.org/fhir/R4/parameters.html"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fhir import codec
from fhir.codec import Parsed
from fhir.spans import items, members
from infra.problems import BadRequest, Issue
from telemed.booking.problems import ParameterUnknown, ParameterWrong
from telemed.schedules.resource import moment

# A name of this form can be repeated to whoever sent it; anything else could be a value in the wrong place.
PLAIN_NAME: Final = re.compile(r"[A-Za-z_-]{1,30}")
REFERENCE, TIME, TEXT, CODE, NUMBER, FLAG = "reference", "time", "text", "code", "number", "flag"
RESOURCE, PATIENT = "resource", "patient"
# Kinds of parameters that are a whole resource, and of which type.
RESOURCES: Final = {RESOURCE: "Appointment", PATIENT: "Patient"}
# Which of the value[x] elements a kind of parameter may come in. IHE and Argonaut differ in uri, id and Reference.
VALUES: Final[dict[str, tuple[str, ...]]] = {
    REFERENCE: ("valueReference", "valueUri", "valueId", "valueString", "valueCanonical"),
    TIME: ("valueDateTime", "valueInstant", "valueDate"),
    TEXT: ("valueString",),
    CODE: ("valueCodeableConcept", "valueCoding", "valueCode", "valueString"),
    NUMBER: ("valueInteger", "valuePositiveInt"),
    FLAG: ("valueBoolean",),
}
_TYPES: Final[dict[str, tuple[type, str]]] = {NUMBER: (int, "a whole number"), FLAG: (bool, "true or false")}


@dataclass(frozen=True, slots=True)
class Given:
    """One parameter: its value as plain text or number, or its resource with the bytes it came in."""

    name: str
    value: Any = None
    resource: Parsed | None = None


@dataclass(frozen=True, slots=True)
class Parameters:
    """All parameters of a call."""

    given: tuple[Given, ...]

    def all(self, name: str) -> list[Any]:
        """The values of a parameter that may be repeated."""
        return [each.value for each in self.given if each.name == name]

    def one(self, name: str) -> Any | None:
        """The value of a parameter that may stand once, or None."""
        found = self.all(name)
        if len(found) > 1:
            raise _wrong(name, "may stand only once")
        return found[0] if found else None

    def time(self, name: str) -> datetime | None:
        """The instant in a parameter, or None."""
        text = self.one(name)
        return None if text is None else moment(text)

    def resource(self, name: str) -> Parsed | None:
        """The resource in a parameter, or None."""
        found = [each.resource for each in self.given if each.name == name]
        if len(found) > 1:
            raise _wrong(name, "may stand only once")
        return found[0] if found else None


def read(body: bytes, *, known: dict[str, str], bare: str = "") -> Parameters:
    """The parameters in a body; `bare` names the one that an Appointment without Parameters around it stands for."""
    data = codec.load(body)
    type = data.get("resourceType") if isinstance(data, dict) else None
    if bare and type == "Appointment":
        return Parameters((Given(bare, resource=codec.parse(body, type="Appointment")),))
    if type != "Parameters" or not isinstance(data, dict):
        raise BadRequest("The body must be a Parameters resource" + (" or an Appointment." if bare else "."))
    listed = data.get("parameter", [])
    if not isinstance(listed, list) or set(data) - {"resourceType", "id", "meta", "parameter"}:
        raise BadRequest("A Parameters resource has a list named parameter.")
    return Parameters(tuple(_given(entry, known, text=text) for entry, text in zip(listed, _texts(body), strict=True)))


def _texts(body: bytes) -> Iterator[str]:
    text = body.decode()
    top = members(text)
    if "parameter" in top:
        for span in items(text, at=top["parameter"].start):
            yield text[span.start : span.end]


def _given(entry: Any, known: dict[str, str], *, text: str) -> Given:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or name not in known:
        unknown = f"The parameter {name} is not known. " if isinstance(name, str) and PLAIN_NAME.fullmatch(name) else ""
        raise ParameterUnknown(f"{unknown}The operation knows the parameters {', '.join(sorted(known))}.")
    values = sorted(set(entry) - {"name"})
    if len(values) != 1:
        raise _wrong(name, f"needs exactly one value, {_expected(known[name])}")
    if (type := RESOURCES.get(known[name])) is not None:
        if values != ["resource"]:
            raise _wrong(name, f"must come {_expected(known[name])}")
        span = members(text)["resource"]
        return Given(name, resource=codec.parse(text[span.start : span.end].encode(), type=type))
    if values[0] not in VALUES[known[name]]:
        raise _wrong(name, f"must come {_expected(known[name])}")
    return Given(name, _plain(name, known[name], values[0], value=entry[values[0]]))


def _expected(kind: str) -> str:
    return "as a resource" if kind in RESOURCES else f"as {' or '.join(VALUES[kind])}"


def _plain(name: str, kind: str, element: str, *, value: Any) -> Any:
    if kind == REFERENCE and isinstance(value, dict):
        value, element = value.get("reference"), f"{element}.reference"
    if kind == CODE:
        return _code(name, value)
    expected, words = _TYPES.get(kind, (str, "a text"))
    if not isinstance(value, expected) or (isinstance(value, bool) and kind != FLAG):
        raise _wrong(name, f"needs {words} in {element}")
    return value


def _code(name: str, value: Any) -> str:
    if isinstance(value, dict) and "coding" in value:
        codings = value["coding"]
        value = codings[0] if isinstance(codings, list) and codings else None
    if isinstance(value, dict):
        code, system = value.get("code"), value.get("system")
        value = f"{system}|{code}" if system else code
    if not isinstance(value, str) or not value:
        raise _wrong(name, "needs a code")
    return value


def _wrong(name: str, why: str) -> ParameterWrong:
    return ParameterWrong(issues=[Issue(ParameterWrong.issue, f"The parameter {name} {why}.", (f"Parameters.{name}",))])
