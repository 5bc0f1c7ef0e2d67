"""Sees to the real servers and browsers that the tests use: installs them through apt as root, else names them.

Standard library only. PostgreSQL is not among them: it comes as a Python package with the locked requirements.
"""

import os
import shutil
import subprocess
import sys

# Debian's package, and the programs of which one is enough.
PARTS = {
    "redis-server": ("redis-server",),
    "coturn": ("turnserver",),
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "firefox-esr": ("firefox-esr", "firefox"),
}
# Without it some tests are skipped and named at the end.
WANTED = frozenset({"coturn"})
APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300")


def missing() -> list[str]:
    """The packages of which no program is there."""
    return [package for package, programs in PARTS.items() if not any(map(shutil.which, programs))]


def main() -> int:
    """0 once all are there, 1 with one line that names the missing."""
    wanted = missing()
    if wanted and os.geteuid() == 0 and shutil.which(APT[0]):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (("update",), ("install", "-y", "--no-install-recommends", *wanted)):
            subprocess.run([*APT, *step], check=False, env=environment, stdout=subprocess.DEVNULL)
    still = [package for package in missing() if package not in WANTED]
    if still:
        print(f"make test needs these programs, please install them: {' '.join(still)}", file=sys.stderr)
    return 1 if still else 0


if __name__ == "__main__":
    sys.exit(main())
