"""Pages that a create writes on SQLite, by table and index: what most of its commit costs, and the same on every machine."""

import asyncio
import sqlite3
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from fhir.codec import parse
from fhir.drafts import Draft
from telemed.schedules.calendar import platform
from telemed.services import Services
from telemed.wiring import open_services
from tests.bench import bars, contents
from tests.bench.contents import TENANT
from tests.bench.figures import Figure, limited, number, unmeasured
from tests.bench.furnish import Size, furnish
from tests.bench.requests import settings_for

GROUPS: Final = 40  # fewer pages than SQLite copies back at once, so that all of them lie in the log still
WHAT: Final = "pages a create writes, SQLite"
# https://www.sqlite.org/fileformat2.html#the_write_ahead_log
HEADER: Final = 32
FRAME: Final = struct.Struct(">II8s")  # the page's number, the database's size after a commit or 0, this log's salt
FRAME_HEADER: Final = 24
NAMED: Final = 5  # tables and indexes in the note


async def run(folder: Path, size: Size, *, groups: int = GROUPS) -> list[Figure]:
    """One line: pages a create, in groups of as many as there are clients, and in the note of what they are."""
    settings = settings_for(folder / "pages")
    furnished = await furnish(settings, size)
    file = settings.data_dir / "telemed.sqlite3"
    written = Counter[str]()
    async with open_services(settings) as services:
        patients = cycle(furnished.patients)
        for _ in range(2):  # the second group is the first that waits for all
            await _together(services, list(islice(patients, size.clients)))
        with closing(sqlite3.connect(file)) as beside:
            beside.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for _ in range(groups):
                await _together(services, list(islice(patients, size.clients)))
            try:
                owners = dict(beside.execute("SELECT pageno, name FROM dbstat"))
            except sqlite3.OperationalError:
                return [unmeasured(WHAT, against="", why="this SQLite has no dbstat")]
            written.update(owners.get(page, "others") for page in _pages(file.with_name(f"{file.name}-wal")))
    creates = groups * size.clients
    parts = ", ".join(f"{name} {number(count / creates)}" for name, count in written.most_common(NAMED))
    return [
        limited(WHAT, written.total() / creates, "pages", most=bars.PAGES, note=f"groups of {size.clients}: {parts}")
    ]


async def _together(services: Services, patients: Sequence[str]) -> None:
    """Nothing; each patient has one more Observation, all in one commit."""
    caller = platform(TENANT)
    sent = (contents.observation(id, code=contents.OTHER).encode() for id in patients)
    drafts: list[Draft] = [services.store.draft(parse(body, type="Observation")) for body in sent]
    await asyncio.gather(
        *(services.database.short(partial(services.store.add, caller=caller, new=draft)) for draft in drafts)
    )


def _pages(log: Path) -> Iterator[int]:
    """The number of the page in each frame that was written since the log began."""
    written = log.read_bytes()
    page_size = struct.unpack_from(">I", written, 8)[0]
    salt = written[16:24]
    for at in range(HEADER, len(written) - FRAME_HEADER, FRAME_HEADER + page_size):
        page, _, own = FRAME.unpack_from(written, at)
        if own != salt:
            return
        yield page
