"""The portal over a real server on loopback."""

import asyncio
import gzip
import os
import shutil
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import uvicorn
from rdflib import Graph

from anonymise import portal
from anonymise.portal.app import App
from anonymise.portal.shelf import Shelf
from anonymise.release import Release
from tests.anonymise.builders import BASE_URL

FOLDER = "/datasets/reasons-for-encounter/2026-Q3/"
CSV = f"{FOLDER}reasons-for-encounter.csv"


class Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, app: App) -> None:
        super().__init__(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="on"))
        self.listening = asyncio.Event()

    async def startup(self, sockets: object = None) -> None:
        """Start, then tell."""
        await super().startup()
        self.listening.set()

    @property
    def address(self) -> str:
        """Where it listens; the system chose the port."""
        return f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"


@pytest.fixture
async def http(releases_dir: Path) -> AsyncIterator[httpx.AsyncClient]:
    server = Server(portal.app(releases_dir, base_url=BASE_URL))
    task = asyncio.create_task(server.serve())
    await server.listening.wait()
    async with httpx.AsyncClient(base_url=server.address) as client:
        yield client
    server.should_exit = True
    await task


def damage(folder: Path) -> None:
    """A file is gone, and beside the release lies half of another one."""
    release = folder / "reasons-for-encounter" / "2026-Q3"
    release.chmod(0o700)
    (release / "areas.csv").unlink()
    other = folder / "damaged" / "2026-Q1"
    other.mkdir(parents=True)
    (other / "about.json").write_text("{")


async def test_every_address_of_the_manual_answers(http: httpx.AsyncClient) -> None:
    addresses = ["/", "/catalog", "/catalog.ttl", "/catalog.rdf", "/catalog.jsonld", "/datasets/reasons-for-encounter", FOLDER,
                 CSV, f"{FOLDER}manifest.json", f"{FOLDER}manifest.sig", "/feed.atom", "/register", "/livez", "/style.css",
                 "/signing-key.pem", "/catalog?lang=en"]  # fmt: skip

    answers = {address: await http.get(address) for address in addresses}

    assert {address: answer.status_code for address, answer in answers.items()} == dict.fromkeys(addresses, 200)
    assert "2026-Q3" in answers["/"].text
    assert "published" in answers["/catalog?lang=en"].text or "Catalogue" in answers["/catalog?lang=en"].text
    assert answers["/feed.atom"].text.count("<entry>") == 2


async def test_latest_redirects_to_the_newest_release(http: httpx.AsyncClient) -> None:
    answer = await http.get("/datasets/reasons-for-encounter/latest")
    bare = await http.get("/datasets/reasons-for-encounter/2026-Q3")

    assert (answer.status_code, answer.headers["location"]) == (307, FOLDER)
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert (bare.status_code, bare.headers["location"]) == (307, FOLDER)


async def test_a_file_is_sent_as_it_was_published_and_kept_for_ever(
    http: httpx.AsyncClient, releases: list[Release]
) -> None:
    published = (releases[1].folder / "reasons-for-encounter.csv").read_bytes()

    plain = await http.get(CSV, headers={"accept-encoding": "identity"})
    packed = await http.get(CSV, headers={"accept-encoding": "br;q=1, gzip"})

    assert plain.content == packed.content == published
    assert packed.headers["content-encoding"] == "gzip"
    assert len(gzip.compress(published)) >= int(packed.headers["content-length"]) - 64
    assert plain.headers["etag"] != packed.headers["etag"]
    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "immutable" not in (await http.get("/catalog")).headers["cache-control"]


async def test_who_has_it_already_gets_304_and_head_gets_no_body(http: httpx.AsyncClient) -> None:
    first = await http.get(CSV)

    again = await http.get(CSV, headers={"if-none-match": first.headers["etag"]})
    head = await http.head(CSV)

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == first.headers["content-length"]


@pytest.mark.parametrize(
    "address",
    ["/nothing", "/datasets/other", "/datasets/reasons-for-encounter/1999-Q1/", f"{FOLDER}nothing.csv", f"{FOLDER}../../register.jsonl",
     f"{FOLDER}..%2f..%2f..%2fregister.jsonl", f"{FOLDER}%2e%2e/manifest.json", "/datasets/../../etc/passwd", "//etc/passwd",
     "/datasets/reasons-for-encounter/2026-Q3/about.json/", "/datasets/.reasons-for-encounter-2026-Q3.draft/x", "/\x00"],
)  # fmt: skip
async def test_what_is_not_published_is_a_page_with_404(releases_dir: Path, address: str) -> None:
    transport = httpx.ASGITransport(portal.app(releases_dir, base_url=BASE_URL))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        raw = http.build_request("GET", "http://test/")
        raw.url = raw.url.copy_with(raw_path=address.replace("\x00", "%00").encode())

        answer = await http.send(raw)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<main" in answer.text


async def test_other_methods_are_refused_and_any_page_may_read_the_data(http: httpx.AsyncClient) -> None:
    post, options = await http.post("/catalog"), await http.options(CSV)

    assert (post.status_code, post.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (options.status_code, options.headers["access-control-allow-origin"]) == (204, "*")
    assert (await http.get(CSV)).headers["access-control-allow-origin"] == "*"


async def test_pages_carry_a_strict_policy_and_name_no_address_of_the_request(http: httpx.AsyncClient) -> None:
    for address in ("/", "/register", "/datasets/reasons-for-encounter", FOLDER, "/nothing"):
        answer = await http.get(address, headers={"host": "evil.example"})

        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
        assert "evil.example" not in answer.text


async def test_the_catalogue_comes_in_the_notation_that_is_asked_for(http: httpx.AsyncClient) -> None:
    asked = await http.get("/catalog", headers={"accept": "text/turtle"})
    page = await http.get("/catalog", headers={"accept": "text/html,application/rdf+xml;q=0.9"})

    assert asked.headers["content-type"] == "text/turtle; charset=utf-8"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert len(Graph().parse(data=asked.content, format="turtle")) > 200


def test_a_damaged_release_takes_no_other_off_the_shelf(tmp_path: Path, releases: list[Release]) -> None:
    folder = tmp_path / "releases"
    shutil.copytree(releases[0].folder, folder / "reasons-for-encounter" / "2026-Q3")
    damage(folder)
    shelf = Shelf(folder, BASE_URL)
    shelf.refresh()

    missing = shelf.file("reasons-for-encounter", "2026-Q3", "areas.csv")

    assert missing is None
    assert shelf.knows("reasons-for-encounter", "2026-Q3")
    assert not shelf.knows("damaged", "2026-Q1")
    assert shelf.page("catalog", "de").status == 200


async def test_an_empty_folder_is_an_empty_portal(tmp_path: Path) -> None:
    transport = httpx.ASGITransport(portal.app(tmp_path / "none", base_url=BASE_URL))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        pages = [await http.get(path) for path in ("/", "/register", "/feed.atom", "/catalog.ttl", "/livez")]

    assert [page.status_code for page in pages] == [200] * 5


async def test_a_new_release_shows_without_a_restart(tmp_path: Path, releases: list[Release]) -> None:
    transport = httpx.ASGITransport(portal.app(tmp_path, base_url=BASE_URL))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        before = await http.get(CSV)
        (tmp_path / "reasons-for-encounter").mkdir()
        os.symlink(releases[1].folder, tmp_path / "reasons-for-encounter" / "2026-Q3")
        after = await http.get(CSV)

    assert (before.status_code, after.status_code) == (404, 200)
    assert (
        sha256(after.content).hexdigest()
        == sha256((releases[1].folder / "reasons-for-encounter.csv").read_bytes()).hexdigest()
    )
