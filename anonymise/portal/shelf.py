"""What the portal knows of the releases folder: which releases there are, their files, and the pages made from them."""

import json
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final
from urllib.parse import urlsplit

import structlog

from anonymise import pages
from anonymise.about import FILE, About, read
from anonymise.dcat import catalogue, serialise
from anonymise.manifest_names import MANIFEST, PUBLIC_KEY, SIGNATURE, TOMBSTONE, TOMBSTONE_SIGNATURE
from anonymise.portal.answers import FOREVER, Answer, answer, redirect
from anonymise.portal.feed import atom
from anonymise.register_lines import REGISTER, Decision, read_register

log = structlog.get_logger()

CACHE_BYTES: Final = 64 * 1024 * 1024
"""Files kept in memory, packed and plain together; what was asked for longest ago goes first."""

MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8; header=present",
    ".parquet": "application/vnd.apache.parquet",
    ".jsonld": "application/ld+json",
    ".json": "application/json",
    ".ttl": "text/turtle; charset=utf-8",
    ".rdf": "application/rdf+xml",
    ".pem": "application/x-pem-file",
    ".sig": "application/octet-stream",
}


@dataclass(frozen=True, slots=True)
class _Shown:
    about: About
    folder: Path
    files: frozenset[str]


class Shelf:
    """The releases that are out, read again when the folder changes."""

    def __init__(self, releases_dir: Path, base_url: str) -> None:
        self.base_url = base_url
        # Pages and redirects name paths only: the style sheet must be of the origin that the page came from.
        self.prefix = urlsplit(base_url).path
        self._folder = releases_dir
        self._seen: tuple[object, ...] = ()
        self._releases: dict[tuple[str, str], _Shown] = {}
        self._withdrawn: dict[tuple[str, str], Decision] = {}
        self._made: dict[tuple[str, ...], Answer] = {}
        self._kept: OrderedDict[Path, Answer] = OrderedDict()
        self._lock = Lock()

    def refresh(self) -> None:
        """Read the folder again if it changed."""
        seen = tuple(_stamp(path) for path in (self._folder, self._folder / REGISTER, *self._slugs()))
        with self._lock:
            if seen != self._seen:
                self._withdrawn = read_register(self._folder).withdrawn()
                self._releases = {names: shown for names, shown in self._found() if names not in self._withdrawn}
                self._made = {}
                self._seen = seen

    def _slugs(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(path for path in self._folder.iterdir() if path.is_dir() and not path.name.startswith("."))

    def _found(self) -> list[tuple[tuple[str, str], _Shown]]:
        found = []
        for slug in self._slugs():
            for folder in sorted(path for path in slug.iterdir() if (path / FILE).is_file()):
                try:
                    found.append(((slug.name, folder.name), _shown(folder)))
                except (OSError, ValueError, KeyError, TypeError) as error:
                    # One damaged release must not take the others off the shelf.
                    log.error("release_unreadable", release=folder.name, error=type(error).__name__)
        return sorted(found, key=lambda item: (item[1].about.first, item[0]))

    def knows(self, slug: str, release: str) -> bool:
        """Whether a release is out."""
        return (slug, release) in self._releases

    def file(self, slug: str, release: str, name: str) -> Answer | None:
        """A file of a release."""
        shown = self._releases.get((slug, release))
        if shown is None or name not in shown.files:
            return None
        link = f'<{self.base_url}/datasets/{slug}/{release}/csv-metadata.json>; rel="describedby"'
        extra = ((b"link", link.encode()),) if name.endswith(".csv") else ()
        return self._keep(shown.folder / name, FOREVER, extra)

    def withdrawn(self, slug: str, release: str, name: str, language: str) -> Answer | None:
        """What stands in the place of a release that was taken back: the tombstone, or a page that says so (410)."""
        decided = self._withdrawn.get((slug, release))
        if decided is None:
            return None
        path = self._folder / slug / release / name
        if name in (TOMBSTONE, TOMBSTONE_SIGNATURE) and path.is_file():
            return answer(path.read_bytes(), MEDIA_TYPES[path.suffix])
        values: dict[str, object] = {"entry": decided}
        return self._page("withdrawn", f"/datasets/{slug}/{release}/", language, values, status=410)

    def _keep(self, path: Path, cache: str, extra: tuple[tuple[bytes, bytes], ...]) -> Answer | None:
        with self._lock:
            known = self._kept.get(path)
            if known is not None:
                self._kept.move_to_end(path)
                return known
        try:
            content = path.read_bytes()
        except OSError as error:
            log.error("file_unreadable", release=path.parent.name, error=type(error).__name__)
            return None
        made = answer(content, MEDIA_TYPES.get(path.suffix, "text/plain"), cache=cache, extra=extra)
        with self._lock:
            self._kept[path] = made
            while sum(len(kept.body) + len(kept.packed) for kept in self._kept.values()) > CACHE_BYTES:
                self._kept.popitem(last=False)
        return made

    def file_at_root(self, name: str) -> Answer | None:
        """The style sheet or the public key."""
        if name == "style.css":
            return answer(pages.style_sheet(), MEDIA_TYPES[".css"])
        path = self._folder / PUBLIC_KEY
        return answer(path.read_bytes(), MEDIA_TYPES[".pem"]) if path.is_file() else None

    def latest(self, slug: str, language: str) -> Answer | None:
        """A redirect to the newest release of a data set, or where all were withdrawn the page that says so (410)."""
        members = self._of(slug)
        if not members:
            return self.dataset(slug, language)
        return redirect(f"{self.prefix}/datasets/{slug}/{members[-1].release}/")

    def _of(self, slug: str) -> list[About]:
        return [shown.about for (name, _), shown in self._releases.items() if name == slug]

    def _all(self) -> list[About]:
        return [shown.about for shown in self._releases.values()]

    def catalogue(self, notation: str) -> Answer:
        """The catalogue as `ttl`, `rdf` or `jsonld`."""
        key = ("catalogue", notation)
        if key not in self._made:
            abouts = self._all()
            body = serialise(catalogue(abouts, base_url=self.base_url), notation)
            self._made[key] = answer(body, MEDIA_TYPES[f".{notation}"])
        return self._made[key]

    def feed(self) -> Answer:
        """The Atom feed of all releases, newest first."""
        return answer(atom(self._all(), base_url=self.base_url), "application/atom+xml; charset=utf-8")

    def dataset(self, slug: str, language: str) -> Answer | None:
        """The page of a data set."""
        members = self._of(slug)
        gone = [decided for (name, _), decided in sorted(self._withdrawn.items()) if name == slug]
        if not members:
            values: dict[str, object] = {"slug": slug, "withdrawn": gone}
            return self._page("all_withdrawn", f"/datasets/{slug}", language, values, status=410) if gone else None
        values = {"releases": members[::-1], "newest": members[-1], "withdrawn": gone}
        return self._page("dataset", f"/datasets/{slug}", language, values)

    def page(self, name: str, language: str) -> Answer:
        """The page `catalog` or `register`."""
        values: dict[str, object]
        if name == "register":
            found = read_register(self._folder)
            values = {"entries": found.entries[::-1], "unreadable": found.unreadable}
        else:
            slugs = {about.slug: about for about in self._all()}
            values = {"newest": [slugs[slug] for slug in sorted(slugs)]}
        return self._page(name, f"/{name}", language, values)

    def not_found(self, language: str) -> Answer:
        """The page for an address that leads nowhere."""
        return self._page("not_found", "/catalog", language, {}, status=404)

    def _page(self, name: str, path: str, language: str, values: dict[str, object], *, status: int = 200) -> Answer:
        key = ("page", name, path, language)
        if key not in self._made:
            body = pages.render(
                f"{name}.html",
                language,
                prefix=self.prefix,
                root=f"{self.prefix}/",
                suffix="" if language == "de" else "?lang=en",
                index="" if language == "de" else "index.en.html",
                other_page=f"{self.prefix}{path}" + ("?lang=en" if language == "de" else ""),
                **values,
            )
            self._made[key] = answer(body, MEDIA_TYPES[".html"], status=status)
        return self._made[key]


def _shown(folder: Path) -> _Shown:
    listed = json.loads((folder / MANIFEST).read_bytes())["files"]
    return _Shown(read(folder), folder, frozenset({entry["path"] for entry in listed} | {MANIFEST, SIGNATURE}))


def _stamp(path: Path) -> tuple[str, int]:
    try:
        return path.name, path.stat().st_mtime_ns
    except OSError:
        return path.name, 0
