"""A process that breaks the glass and is killed: `python -m tests.telemed.emergency.crashing URL FOLDER`.

It says so once the grants are written and before anybody is told, and then waits for its end.
"""

import asyncio
import signal
import sys
from datetime import date
from pathlib import Path
from unittest.mock import patch

from infra.caller import Caller, Role
from telemed.emergency import telling
from telemed.emergency.rules import Asked, read
from telemed.emergency.service import Breaking, try_to_open
from telemed.wiring import open_services
from tests.telemed.service import demo_settings


def _stuck(*_: object, **__: object) -> None:
    print("inside", flush=True)
    signal.pause()


async def main(url: str, folder: Path) -> None:
    """Open a record until killed."""
    who = Breaking(Caller("clinic-far", "eva", Role.PHYSICIAN), "clinic-far-eva")
    asked = read(who="X123456783", birth_date=date(1951, 3, 14), reason="ETREAT", text="Found unconscious.")
    assert asked is not None
    with patch.object(telling, "tell", _stuck):
        await _break(url, folder, who, asked)


async def _break(url: str, folder: Path, who: Breaking, asked: Asked) -> None:
    async with open_services(demo_settings(folder, url)) as services:
        await services.database.write(lambda session: try_to_open(session, services, who, asked))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
