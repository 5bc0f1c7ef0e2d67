"""Every event has the shape of its IHE BALP profile, in the variant with a patient where there is one.

The tables say what the profiles demand: https://profiles.ihe.net/ITI/BALP/artifacts.html
"""

import base64
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from fhir.audit import Access, row
from fhir.audit_agents import agents
from fhir.codec import parse
from fhir.policy import Action
from fhir.rules import validate
from infra.caller import Caller, Role
from tests.fhir.record import BASE, NOON, created, observation, patient
from tests.fhir.test_audit import events

Event = dict[str, Any]
DCM = "http://dicom.nema.org/resources/ontology/DCM"
TERMS = "http://terminology.hl7.org/CodeSystem"


class Profile(NamedTuple):
    """What a profile fixes: the event's action, the types of client, server and user, the role of the object."""

    action: str
    client: str
    server: str
    user: str
    entity: str


SOURCE, DESTINATION = f"{DCM}#110153", f"{DCM}#110152"
RECIPIENT, AUTHOR = f"{TERMS}/v3-ParticipationType#IRCP", f"{TERMS}/v3-ParticipationType#AUT"
OBJECT, QUERY, PATIENT = "2/4", "2/24", "1/1"
CREATE = Profile("C", SOURCE, DESTINATION, AUTHOR, OBJECT)
READ = Profile("R", DESTINATION, SOURCE, RECIPIENT, OBJECT)
UPDATE = Profile("U", SOURCE, DESTINATION, AUTHOR, OBJECT)
DELETE = Profile("D", f"{DCM}#110150", f"{TERMS}/provenance-participant-type#custodian", AUTHOR, OBJECT)
SEARCH = Profile("E", SOURCE, DESTINATION, RECIPIENT, QUERY)
PROFILES = {
    "create": CREATE,
    "read": READ,
    "vread": READ,
    "update": UPDATE,
    "patch": UPDATE,
    "delete": DELETE,
    "search-type": SEARCH,
}


def code(concept: dict[str, Any]) -> str:
    return "{system}#{code}".format(**concept["coding"][0])


def faults(event: Event, *, verb: str, patient: str | None) -> Iterator[str]:
    """Where an event breaks its profile."""
    profile = PROFILES[verb]
    if (event["type"]["code"], event["subtype"][0]["code"], event["action"], event["outcome"]) != (
        *("rest", verb, profile.action),
        "0",
    ):
        yield "what was done"
    types = [code(agent["type"]) for agent in event["agent"]]
    if types.count(profile.client) != 1 or types.count(profile.server) != 1:
        yield "client and server"
    if [type for type in types if type not in (profile.client, profile.server)] not in ([], [profile.user]):
        yield "user"
    if not all(agent["who"] and agent["network"] for agent in event["agent"] if code(agent["type"]) != profile.user):
        yield "the ends of the connection"
    if [agent["requestor"] for agent in event["agent"]].count(True) != 1 or not event["source"]["observer"]:
        yield "who asked, who tells"
    entities = [f"{each['type']['code']}/{each.get('role', {}).get('code')}" for each in event["entity"]]
    if entities.count(profile.entity) != 1 or entities.count(PATIENT) != (patient is not None):
        yield "object and patient"
    for entity, kind in zip(event["entity"], entities, strict=True):
        if kind == PATIENT and entity["what"] != {"reference": f"Patient/{patient}"}:
            yield "another patient"
        if kind == QUERY and ("what" in entity or not base64.b64decode(entity["query"])):
            yield "what was searched for"
        if kind == OBJECT and not entity["what"]["reference"]:
            yield "the object"


ROOM = {"resourceType": "Location", "name": "Raum 2", "status": "active"}


async def all_verbs(http: httpx.AsyncClient, body: dict[str, Any], *, search: str) -> None:
    """Nothing; each verb was done once to a resource of this kind, in the order of `PROFILES`."""
    type, id = body["resourceType"], await created(http, body)
    address, now = f"/{type}/{id}", json.dumps(body | {"id": id})
    status = "amended" if type == "Observation" else "inactive"
    patch = json.dumps([{"op": "replace", "path": "/status", "value": status}])
    answers = [
        await http.get(address),
        await http.get(f"{address}/_history/1"),
        await http.put(address, content=now),
        await http.patch(address, content=patch, headers={"content-type": "application/json-patch+json"}),
        await http.delete(address),
        await http.get(f"/{type}{search}"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 204, 200]


@pytest.mark.parametrize("of_patient", [True, False], ids=["patient", "nobody"])
async def test_every_verb_leaves_an_event_after_its_profile(north: httpx.AsyncClient, *, of_patient: bool) -> None:
    person = await created(north, patient())
    about = person if of_patient else None

    await all_verbs(north, observation(person) if of_patient else ROOM, search=f"?patient={person}" if about else "")

    log = (await events(north))[1:]
    assert [event["subtype"][0]["code"] for event in log] == list(PROFILES)
    for event, verb in zip(log, PROFILES, strict=True):
        validate(parse(json.dumps(event).encode(), type="AuditEvent"))
        assert list(faults(event, verb=verb, patient=about)) == [], verb


@pytest.mark.parametrize(
    ("search", "named", "found"),
    [
        ("Observation?patient={}", True, False),
        ("Observation?subject=Patient/{}", True, False),
        ("Observation?patient=" + BASE + "/Patient/{}", True, False),
        ("Patient?_id={}", True, False),
        ("Observation?patient={}&status=final", True, False),
        ("Observation?patient={},another", False, False),
        ("Observation?patient.family=Musterfrau", False, False),
        ("Patient?family=Musterfrau", False, True),
        ("Patient", False, True),
    ],
)
@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_a_search_is_about_the_one_patient_that_it_names(
    north: httpx.AsyncClient, search: str, *, named: bool, found: bool
) -> None:
    person = await created(north, patient())
    assert (await north.get(f"/{search.format(person)}")).status_code == 200

    log = (await events(north))[1:]
    event = log[0]
    told = (await events(north, f"&patient={person}&subtype=search-type"))[:1]

    assert list(faults(event, verb="search-type", patient=person if named else None)) == []
    # Whoever was found and not named has an event beside it.
    assert log[1:] == ([] if named or not found else told)
    assert all(list(faults(each, verb="search-type", patient=person)) == [] for each in told)
    assert (told == [event]) is named


async def test_a_search_for_somebody_elses_patient_looks_like_one_for_nobody(
    north: httpx.AsyncClient, south: httpx.AsyncClient
) -> None:
    theirs = await created(north, patient())
    nobody = f"{theirs[:-4]}0000"
    for id in (theirs, nobody):
        await south.get(f"/Observation?patient={id}")

    seen = [json.dumps(event["entity"][:2]) for event in await events(south)]

    assert len(seen) == 2
    asked = [base64.b64encode(f"Observation?patient={id}".encode()).decode() for id in (theirs, nobody)]
    assert seen[0].replace(theirs, nobody).replace(asked[0], asked[1]) == seen[1]


@pytest.mark.parametrize("verb", PROFILES)
def test_a_person_is_named_beside_the_pages_that_they_used(verb: str) -> None:
    caller = Caller("north", "p-1", Role.PHYSICIAN)
    made = agents(row(caller, Access(Action(verb), "Observation", "o-1", 1), recorded=NOON))
    profile = PROFILES[verb]

    assert [code(agent["type"]) for agent in made] == [profile.user, profile.client, profile.server]
    assert made[0]["who"]["identifier"]["value"] == "p-1" and made[0]["requestor"] and "network" not in made[0]
    assert made[0]["purposeOfUse"][0]["coding"][0]["code"] == "TREAT"
    assert all(agent["network"] and not agent["requestor"] for agent in made[1:])


async def test_an_event_that_breaks_its_profile_is_seen(north: httpx.AsyncClient) -> None:
    person = await created(north, patient())
    event = (await events(north))[0]

    assert list(faults(event, verb="create", patient=person)) == []
    assert list(faults(event, verb="read", patient=None)) == ["what was done", "object and patient", "another patient"]
    for missing, named in (("agent", "client and server"), ("entity", "object and patient")):
        assert named in list(faults(event | {missing: event[missing][1:]}, verb="create", patient=person))
