"""The largest bodies that are let in, made to cost as much as they can: the serving process does not swell."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.crash.server import prepared, serving

MOST = 300 * 1024  # KiB that a body may add to the process
BODY = 1_048_576
BUNDLE = 10_485_760
SECONDS = 60  # for all of them on a busy machine; a hang is for ever


def repeated(head: bytes, part: bytes, tail: bytes, *, size: int) -> bytes:
    """As many parts as fit into the size, with commas."""
    fits = (size - len(head) - len(tail)) // (len(part) + 1)
    return head + b",".join([part] * fits) + tail


def bodies() -> Iterator[tuple[str, str, bytes]]:
    """Method, path and body: each just within its limit."""
    deep = b"[" * 60 + b"]" * 60
    name = b'{"resourceType":"Patient","name":['
    for part in (b"0", b"{}", b'{"a":1}', b'{"family":"a"}', deep, b'{"extension":[{"url":"a","valueString":"b"}]}'):
        yield "POST", "/Patient", repeated(name, part, b"]}", size=BODY)
    yield "POST", "/Patient", name + b'{"family":"' + b"\\u00df" * 174_000 + b'"}]}'
    yield "POST", "/Patient", b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 1_048_000 + b"}"
    coding = b'{"system":"a","code":"b"}'
    seen = b'{"resourceType":"Observation","status":"final","code":{"coding":['
    yield "POST", "/Observation", repeated(seen, coding, b"]}}", size=BODY)
    entry = b'{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}'
    batch = b'{"resourceType":"Bundle","type":"batch","entry":['
    yield "POST", "/", repeated(batch, entry, b"]}", size=BUNDLE)
    yield "POST", "/", repeated(batch, b"{}", b"]}", size=BUNDLE)
    yield "POST", "/", repeated(batch, b'{"request":' + deep + b"}", b"]}", size=BUNDLE)
    large = json.dumps(
        {
            "resource": {"resourceType": "Patient", "name": [{"family": "x" * 4800}]},
            "request": {"method": "POST", "url": "Patient"},
        }
    )
    yield "POST", "/", repeated(batch, large.encode(), b"]}", size=BUNDLE)
    yield "POST", "/Patient/_search", b"identifier=" + b"a," * 500_000
    yield "POST", "/Patient/_search", b"&".join([b"identifier=a"] * 80_000)
    patch = b'{"op":"add","path":"/name/-","value":{}}'
    yield "PATCH", "/Patient/1", repeated(b"[", patch, b"]", size=BODY)


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_no_body_within_the_limits_swells_the_process(empty_database_url: str, tmp_path: Path) -> None:
    settings, client = await prepared(tmp_path, empty_database_url)
    with serving(settings, client) as server:
        server.start()
        token = await asyncio.to_thread(server.token)
        headers = {"Authorization": f"Bearer {token}"}
        grown = {}
        async with httpx.AsyncClient(base_url=f"{server.base}/fhir", headers=headers, timeout=SECONDS) as http:
            await http.get("/Patient?identifier=a")
            for number, (method, path, body) in enumerate(bodies()):
                kind = "application/fhir+json" if body[:1] in b"{[" else "application/x-www-form-urlencoded"
                kind = "application/json-patch+json" if method == "PATCH" else kind
                before = resident(server.pid)
                answer = await http.request(method, path, content=body, headers={"content-type": kind})
                grown[number, method, path, body[-40:]] = resident(server.pid) - before
                assert answer.status_code < 500, (body[:100], answer.text[:300])
        server.kill()
        server.reap()

    assert {which: peak for which, peak in grown.items() if peak > MOST} == {}


def resident(pid: int) -> int:
    """The most memory that a process ever held, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
