"""An answer of every route of a service: asked by a stranger, with a broken body from a foreign page, as a system, signed in."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
from fastapi.routing import iter_route_contexts

from tests.telemed.service import FHIR, Service

HOSTILE = "https://evil.example"
NOBODYS = (("GET", "/nowhere"), ("POST", "/fhir/nowhere"), ("TRACE", "/"), ("PROPFIND", "/fhir/Patient"))


@dataclass(frozen=True)
class Asked:
    """One answer, and the method and the path template that it is from."""

    method: str
    path: str
    answer: httpx.Response

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.answer.status_code}"

    def header(self, name: str) -> str:
        """A header, or "" where the answer has none."""
        return str(self.answer.headers.get(name, ""))


async def everything(service: Service) -> list[Asked]:
    """All answers, those of the sign-in among them."""
    found = []
    link = await service.sign_in_link("clinic-a")
    async with service.browser() as clinician, await service.system("clinic-a") as system:
        found.append(Asked("GET", "/console/sign-in/{token}", await clinician.get(link)))
        for cookie in found[0].answer.headers.get_list("set-cookie"):
            # As over TLS, which this client does not speak.
            clinician.headers["Cookie"] = cookie.partition(";")[0]
        async for asked in _of_each_route(service, clinician, system):
            found.append(asked)
    return found


async def _of_each_route(
    service: Service, clinician: httpx.AsyncClient, system: httpx.AsyncClient
) -> AsyncIterator[Asked]:
    foreign = {"Origin": HOSTILE, "Content-Type": FHIR, "Accept": "text/html"}
    for method, path in _routes(service):
        url = re.sub(r"{(\w+)(:\w+)?}", lambda match: "Patient" if match[1] == "type" else "made-up", path)
        yield Asked(method, path, await service.http.request(method, url))
        yield Asked(method, path, await service.http.request(method, url, content=b'{"a":[', headers=foreign))
        yield Asked(method, path, await system.request(method, url, headers={"Origin": HOSTILE}))
        if path != "/console/sign-out":
            own = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
            yield Asked(method, path, await clinician.request(method, url, headers=own))


def _routes(service: Service) -> Iterator[tuple[str, str]]:
    """Each method and path of the app, and some that nobody serves."""
    for route in iter_route_contexts(service.app.router.routes):
        for method in sorted(getattr(route, "methods", None) or ()):
            yield method, route.path or "/"
    yield from NOBODYS
