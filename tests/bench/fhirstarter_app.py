"""The peer: a fhirstarter app over a dict. It runs in a virtual environment of its own, so it imports nothing of ours.

`FHIR_SEQUENCE=R4B python fhirstarter_app.py PORT FILE`; the file has an id and an Observation a line. No token, no log, no
history, no disk. Searches look up a dict by patient and code, which is the most that a dict can do.
"""

import json
import sys
from collections import defaultdict
from uuid import uuid4

import uvicorn
from fhirstarter import FHIRProvider, FHIRStarter, InteractionContext  # type: ignore[import-not-found]  # never in ours
from fhirstarter.exceptions import FHIRResourceNotFoundError  # type: ignore[import-not-found]  # as above

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.observation import Observation

DATABASE: dict[str, str] = {}
FOUND: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
provider = FHIRProvider()


@provider.create(Observation)  # type: ignore[untyped-decorator]  # as above
async def create(context: InteractionContext, resource: Observation) -> str:
    """The id of a new Observation."""
    resource.id = str(uuid4())
    _keep(resource.id, resource.model_dump_json())
    return str(resource.id)


@provider.read(Observation)  # type: ignore[untyped-decorator]  # as above
async def read(context: InteractionContext, id_: str) -> Observation:
    """The Observation with this id."""
    if id_ not in DATABASE:
        raise FHIRResourceNotFoundError
    return Observation.model_validate_json(DATABASE[id_])


@provider.search_type(Observation)  # type: ignore[untyped-decorator]  # as above
async def search(context: InteractionContext, patient: str | None, code: str | None) -> Bundle:
    """The Observations of a patient with a code."""
    entries = [{"resource": json.loads(DATABASE[id])} for id in FOUND[f"Patient/{patient}", str(code)]]
    return Bundle(type="searchset", total=len(entries), entry=entries or None)


def _keep(id: str, body: str) -> None:
    data = json.loads(body)
    (coding,) = data["code"]["coding"]
    DATABASE[id] = body
    FOUND[data["subject"]["reference"], f"{coding['system']}|{coding['code']}"].append(id)


if __name__ == "__main__":
    port, file = sys.argv[1:]
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            known, _, content = line.partition(" ")
            _keep(known, content)
    app = FHIRStarter()
    app.add_providers(provider)
    uvicorn.run(app, port=int(port), log_config=None, access_log=False, server_header=False, loop="uvloop")
