"""What a start leaves for later, so that the service answers sooner: imports that the first uses would wait for.

Each of these modules costs a start a quarter to half a second and is needed seldom or late (README, decision 4).
"""

import gc
from importlib import import_module
from typing import Final

from fhir import rules

LATER: Final = ("telemed.notices.letter", "telemed.notices.invitation", "video.transport", "webauthn")


def warm() -> None:
    """Nothing; what was left for later is imported. Run it in a thread once the service answers."""
    rules.prepare()
    for module in LATER:
        import_module(module)
    # Modules and models live as long as the process. Looked through at every collection, they made a hostile body of
    # 1 MiB take four times as long.
    gc.freeze()
