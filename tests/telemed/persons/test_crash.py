"""kill -9 during a merge: nothing of it is left, and it can be done at once."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from tests.fixtures.processes import scrubbed
from tests.telemed.persons.people import People

ROOT = Path(__file__).parents[3]


async def test_a_merge_that_was_killed_leaves_nothing(people: People, database_url: str, tmp_path: Path) -> None:
    old, kept = await people.come("north"), await people.come("north")
    before = [await people.read("north", id) for id in (old, kept)], await people.persons()
    arguments = ("-m", "tests.telemed.persons.crashing", database_url, str(tmp_path), old, kept)
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE, cwd=ROOT, env=scrubbed())
    assert process.stdout is not None and await process.stdout.readline() == b"inside\n"

    process.kill()
    await process.wait()

    assert ([await people.read("north", id) for id in (old, kept)], await people.persons()) == before
    await people.merge("north", old, kept)
    assert await people.together() == {frozenset({old, kept})}
