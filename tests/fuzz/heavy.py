"""The largest bodies that are let in, made to cost as much as they can: single resources, and Bundles of every kind."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.fhir.record import patient

BODY: Final = 1_048_576
BUNDLE: Final = 10_485_760
ENTRIES: Final = 2000
FHIR: Final = "application/fhir+json"
LARGE: Final = patient(contact=[{"name": {"text": "x" * 1000}}] * 900)
WIDE: Final = patient(contact=[{"name": {"text": "x"}}] * 30_000)


@dataclass(frozen=True)
class Heavy:
    """A request, and what it is meant to make dear."""

    name: str
    path: str
    body: bytes
    method: str = "POST"
    kind: str = FHIR


@dataclass(frozen=True)
class There:
    """The ids of patients that are there: many small ones, some large ones, one of many elements."""

    small: Sequence[str]
    large: Sequence[str]
    wide: str


def repeated(head: str, part: str, tail: str, *, size: int, most: int = BUNDLE) -> bytes:
    """As many parts as fit into the size, with commas."""
    fits = (size - len(head) - len(tail)) // (len(part.encode()) + 1)
    return (head + ",".join([part] * min(fits, most)) + tail).encode()


def singles() -> Iterator[Heavy]:
    """Resources, searches and patches just within their limit."""
    deep = "[" * 60 + "]" * 60
    names = '{"resourceType":"Patient","name":['
    for part in ("0", "{}", '{"a":1}', '{"family":"a"}', deep, '{"extension":[{"url":"a","valueString":"b"}]}'):
        yield Heavy(f"names {part[:20]}", "/Patient", repeated(names, part, "]}", size=BODY))
    escaped = '{"family":"' + "\\u00df" * 174_000 + '"}'
    yield Heavy("escapes", "/Patient", repeated(names, escaped, "]}", size=BODY))
    yield Heavy("digits", "/Patient", b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 1_048_000 + b"}")
    seen = '{"resourceType":"Observation","status":"final","code":{"text":"a"},"performer":['
    yield Heavy("criteria", "/Observation", repeated(seen, '{"reference":"Patient?a=b"}', "]}", size=BODY))
    form = "application/x-www-form-urlencoded"
    yield Heavy("values", "/Patient/_search", b"identifier=" + b"a," * 500_000, kind=form)
    yield Heavy("parameters", "/Patient/_search", b"&".join([b"identifier=a"] * 80_000), kind=form)
    patch = repeated("[", '{"op":"add","path":"/name/-","value":{}}', "]", size=BODY)
    yield Heavy("operations", "/Patient/1", patch, method="PATCH", kind="application/json-patch+json")


def refused() -> Iterator[Heavy]:
    """Bundles that are refused as a whole, after they were read."""
    batch = '{"resourceType":"Bundle","type":"batch","entry":['
    resource = '{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}'
    for part in (resource, "{}", f'{{"request":{"[" * 60 + "]" * 60}}}'):
        yield Heavy(f"entries {part[:20]}", "/", repeated(batch, part, "]}", size=BUNDLE))


def bundles(there: There) -> Iterator[Heavy]:
    """Bundles that are carried out as far as they may cost."""
    extension = {"url": "a", "valueString": "b" * 16}
    full = entry("POST", "Patient", {"resourceType": "Patient", "extension": [extension] * 115})
    wide = entry(
        "POST", "Patient", {"resourceType": "Patient", "extension": [{"url": "a", "valueString": "\U0001f600"}] * 115}
    )
    wrong = entry("POST", "Patient", {"resourceType": "Patient", "extension": [{"u": "a", "v": "b" * 22}] * 115})
    yield bundle("batch", "full", [full] * ENTRIES)
    yield bundle("transaction", "characters of four bytes", [wide] * ENTRIES)
    yield bundle("batch", "wrong", [wrong] * ENTRIES)
    unless = [
        entry("POST", "Device", {"resourceType": "Device"}, ifNoneExist=f"identifier={n}") for n in range(ENTRIES)
    ]
    yield bundle("batch", "criteria", unless)
    yield bundle("batch", "reads", [entry("GET", f"Patient/{there.large[0]}")] * ENTRIES)
    to_male = {"op": "replace", "path": "/gender", "value": "male"}
    yield bundle("batch", "patches", [entry("PATCH", f"Patient/{id}", binary(to_male)) for id in there.large] * 100)
    nobody = fhirpath("Patient.contact.where(name.text = 'y')")
    yield bundle("batch", "paths", [entry("PATCH", f"Patient/{there.wide}", nobody)] * 100)


def more(there: There) -> Iterator[Heavy]:
    """More of them, for longer runs: near to those above."""
    tokens = [entry("POST", "Patient", numbered(n, 20)) for n in range(ENTRIES)]
    yield bundle("batch", "tokens", tokens)
    yield bundle("transaction", "tokens", tokens)
    yield bundle("transaction", "too many tokens", [entry("POST", "Patient", numbered(n, 4500)) for n in range(50)])
    yield bundle("batch", "searches", [entry("GET", f"Patient?name:contains=none{n}") for n in range(ENTRIES)])
    updates = [entry("PUT", f"Patient/{id}", patient(id=id, gender="other")) for id in there.small]
    yield bundle("batch", "updates", updates)
    yield bundle("transaction", "updates", updates)
    yield bundle("transaction", "reads", [entry("GET", f"Patient/{id}") for id in there.small])


def entry(method: str, url: str, resource: dict[str, Any] | None = None, **conditions: str) -> dict[str, Any]:
    """An entry of a Bundle."""
    request = {"method": method, "url": url, **conditions}
    return {"request": request} if resource is None else {"resource": resource, "request": request}


def bundle(kind: str, name: str, entries: Sequence[dict[str, Any]]) -> Heavy:
    """A Bundle of as many of the entries as it may have."""
    parts, size = list[str](), 100
    last: dict[str, Any] = {}
    for one in entries:
        text = parts[-1] if one is last else json.dumps(one, ensure_ascii=False, separators=(",", ":"))
        size += len(text.encode()) + 1
        if size > BUNDLE:
            break
        parts.append(text)
        last = one
    whole = f'{{"resourceType":"Bundle","type":"{kind}","entry":[{",".join(parts)}]}}'
    return Heavy(f"{kind} of {name}", "/", whole.encode())


def numbered(number: int, count: int) -> dict[str, Any]:
    """A patient with so many identifiers."""
    return patient(identifier=[{"system": "urn:x", "value": f"{number}-{n}"} for n in range(count)])


def binary(*operations: dict[str, Any]) -> dict[str, Any]:
    """A JSON Patch as an entry has it."""
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}


def fhirpath(path: str) -> dict[str, Any]:
    """A FHIRPath Patch that deletes at a path."""
    parts = [{"name": "type", "valueCode": "delete"}, {"name": "path", "valueString": path}]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}] * 3}
