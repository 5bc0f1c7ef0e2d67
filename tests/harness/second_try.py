"""The few tests that failed, once more and alone: a browser on a busy machine may be late, a fault fails again.

Run after `make test` by `.ci/run`. Every one is named in the last lines, so that one that needs it often is seen.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

MOST: Final = 5
"""More failures than these are no accident."""
CACHE: Final = Path(".pytest_cache")
PARTS: Final = CACHE / "d/real-parts/list.txt"


def failed(cache: Path = CACHE) -> list[str]:
    """The node ids of the tests that failed in the run before; none where it kept no list."""
    path = cache / "v/cache/lastfailed"
    return sorted(json.loads(path.read_text())) if path.exists() else []


def main() -> int:
    """0 where every test that failed passes alone; 1 where one does not, or where it was not for tests alone."""
    tests = failed()
    if not 0 < len(tests) <= MOST or "FAILED:" in PARTS.read_text():
        print(f"NO SECOND TRY: {len(tests)} tests failed; at most {MOST} are tried again, and only where all took part")
        return 1
    again = {test: subprocess.run([sys.executable, "-m", "pytest", test], check=False).returncode for test in tests}
    for test, status in again.items():
        print(f"SECOND TRY: {test} failed, then {'passed alone' if status == 0 else 'failed again'}")
    return int(any(again.values()))


if __name__ == "__main__":
    sys.exit(main())
