"""The release folder: written beside its place, signed, made read-only, then moved there in one step.

What is published once stays: another content for the same id is refused. `register.jsonl` in the releases folder keeps
every decision; each manifest names the hash of the one before it, so a missing release shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import structs

from anonymise import about as abouts
from anonymise.about import About, Covered, DataFile, Limits, Revision, Words
from anonymise.build import Built
from anonymise.codebook import codes, csv_metadata
from anonymise.coverage import Extent, coverage_of
from anonymise.dcat import NOTATIONS, catalogue, missing, serialise
from anonymise.decisions import decisions, withdrawn
from anonymise.definition import Definition
from anonymise.formats.blocks import blocks_bytes, groups_bytes
from anonymise.formats.csv import BLOCKS, CODES, GROUPS, areas_bytes, csv_bytes
from anonymise.formats.cube import cube_bytes
from anonymise.formats.jsonstat import jsonstat_bytes
from anonymise.formats.parquet import parquet_bytes
from anonymise.manifest import manifest, public_pem
from anonymise.manifest_names import MANIFEST, PUBLIC_KEY, SIGNATURE, is_out
from anonymise.pages import style_sheet
from anonymise.periods import Period
from anonymise.placing import place, replace
from anonymise.problems import PeriodFrozen, ReleaseRefused, ReleaseWithdrawn
from anonymise.public_report import STATED, stated_by, stated_bytes
from anonymise.release_pages import release_pages
from anonymise.rows import PLACE, Table

_FORMATS: Final = (
    ("csv", "text/csv", "CSV", Words(de="CSV", en="CSV")),
    ("parquet", "application/vnd.apache.parquet", "PARQUET", Words(de="Parquet", en="Parquet")),
    ("jsonstat.json", "application/json", "JSON", Words(de="JSON-stat", en="JSON-stat")),
    ("ttl", "text/turtle", "RDF_TURTLE", Words(de="RDF Data Cube", en="RDF Data Cube")),
)


@dataclass(frozen=True, slots=True)
class Release:
    """A published release."""

    slug: str
    name: str
    folder: Path
    manifest_sha256: str


def published(releases_dir: Path, slug: str, name: str) -> Release | None:
    """The release of an id if it is out."""
    if not is_out(releases_dir, slug, name):
        return None
    folder = releases_dir / slug / name
    return Release(slug, name, folder, sha256((folder / MANIFEST).read_bytes()).hexdigest())


def compose(
    built: Built,
    definition: Definition,
    *,
    quarter: Period,
    issued: datetime,
    base_url: str,
    covered: tuple[date, date] | None = None,
    extent: Extent | None = None,
    revisions: tuple[Revision, ...] = (),
) -> dict[str, bytes]:
    """All files of a release but manifest and signature."""
    table = built.table
    about = about_of(table, definition, quarter=quarter, issued=issued)
    about = structs.replace(about, coverage=coverage_of(built, definition, extent), revisions=revisions)
    if covered is not None:
        about = structs.replace(about, covered=Covered(*covered))
    data = _data(table, about)
    # byteSize and checksum go into the metadata, so the data come first.
    about = structs.replace(about, files=_described(definition.slug, data))
    graph = catalogue([about], base_url=base_url)
    lacking = missing(graph)
    if lacking:
        raise ReleaseRefused("The metadata lack: " + ", ".join(lacking))
    return {
        **data,
        **release_pages(table, about, stated_by(built)),
        **{f"dcat.{notation}": serialise(graph, notation) for notation in NOTATIONS},
        **number_files(built),
        STATED: stated_bytes(built),
        "csv-metadata.json": csv_metadata(table, about),
        "style.css": style_sheet(),
        abouts.FILE: about.to_json(),
    }


def number_files(built: Built) -> dict[str, bytes]:
    """What the rows are made from, and which municipalities an area stands for where there are places."""
    files = {BLOCKS: blocks_bytes(built.blocks), CODES: codes(built.table)}
    if built.blocks.group is not None:
        files[GROUPS] = groups_bytes(built.blocks)
    # Where places begin with their districts there are no municipalities to name.
    if any(h.name == PLACE == h.level_names[0] for h in built.blocks.identifying):
        titles = built.table.titles.get(PLACE, {})
        files["areas.csv"] = areas_bytes(built.table, {code: text.de for code, text in titles.items()})
    return files


def about_of(table: Table, definition: Definition, *, quarter: Period, issued: datetime) -> About:
    """What a release with these rows says about itself, its files aside."""
    whole = next(row.value for row in table.persons() if set(row.keys) == {"*"})
    return About(
        slug=definition.slug,
        release=quarter.name,
        title=definition.title,
        description=definition.description,
        keywords=definition.keywords,
        first=quarter.first,
        last=quarter.last,
        issued=issued.replace(microsecond=0),
        persons=int(whole or 0),
        rows=len(table.rows),
        legal_basis=definition.source.legal_basis,
        limits=Limits(definition.protection.k, definition.protection.share_limit, definition.protection.min_categories),
        dimensions=definition.dimension,
        licence=definition.licence,
        publisher=definition.publisher,
        contact=definition.contact,
        region=definition.region,
        files=(),
        cohort=definition.cohort.name,
        ladder=definition.ladder,
    )


def _data(table: Table, about: About) -> dict[str, bytes]:
    return {
        f"{about.slug}.csv": csv_bytes(table, about.release),
        f"{about.slug}.parquet": parquet_bytes(table, about.release),
        f"{about.slug}.jsonstat.json": jsonstat_bytes(table, about),
        f"{about.slug}.ttl": cube_bytes(table, about),
    }


def _described(slug: str, data: Mapping[str, bytes]) -> tuple[DataFile, ...]:
    described = []
    for suffix, media_type, file_type, title in _FORMATS:
        content = data[f"{slug}.{suffix}"]
        digest = sha256(content).hexdigest()
        described.append(DataFile(f"{slug}.{suffix}", media_type, file_type, title, len(content), digest))
    return tuple(described)


def publish(
    files: Mapping[str, bytes], releases_dir: Path, *, facts: Mapping[str, Any], key: Ed25519PrivateKey
) -> Release:
    """The release with these files, now public. The same id again is an error unless every byte is the same.

    `facts` go into the manifest: dataset, release, period, protection.
    """
    releases_dir.mkdir(parents=True, exist_ok=True)
    slug, name = facts["dataset"], facts["release"]
    if (slug, name) in withdrawn(releases_dir):
        raise ReleaseWithdrawn
    known = published(releases_dir, slug, name)
    if known is not None:
        if all(_same(known.folder / path, content) for path, content in files.items()):
            return known
        raise PeriodFrozen
    content = manifest(files, {**facts, "previous": _previous(releases_dir)})
    public = public_pem(key)
    folder = releases_dir / slug / name
    # Before the folder: whoever sees a release can check it, and saying it again after a crash finds it there.
    replace(releases_dir / PUBLIC_KEY, public)
    place({**files, MANIFEST: content, SIGNATURE: key.sign(content)}, folder, mode=0o444)
    folder.chmod(0o555)
    return Release(slug, name, folder, sha256(content).hexdigest())


def _same(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _previous(releases_dir: Path) -> str:
    """The hash of the manifest that was published last."""
    hashes = [decision.manifest for decision in decisions(releases_dir) if decision.outcome == "published"]
    return hashes[-1] if hashes else ""
