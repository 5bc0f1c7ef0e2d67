"""What a patient's whole flow costs over the wire: both pages and all that they fetch, packed."""

from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.furnish import make_tables
from tests.telemed.pages.test_pages import FLOW_BUDGET, flow_bytes
from tests.telemed.visits.clinic import clinic_on


async def run(folder: Path) -> list[Figure]:
    """One line: bytes from the link to the call, beside the budget that a test holds."""
    url = f"sqlite:///{folder / 'flow.sqlite3'}"
    await make_tables(url)
    async with clinic_on(folder, url) as clinic:
        wire = await flow_bytes(clinic)
    return [Figure("bytes of the patient's flow", wire, "B", "the budget", FLOW_BUDGET, FLOW_BUDGET / wire)]
