"""What patients agree to and refuse through the one function that writes it."""

from pathlib import Path

import msgspec
import pytest

from anonymise import agreement as statistics
from fhir import codec
from fhir.rows import Stored
from fhir.rules import validate
from infra.database import Database
from infra.problems import NotFound
from telemed.access.agreements import About, Agreement, Answer, NobodyNamedError, state
from tests.telemed.access import world as w
from tests.telemed.access.world import World


@pytest.fixture
def world(database: Database, tmp_path: Path) -> World:
    return World.make(database, tmp_path)


async def say(world: World, patient: str, agreement: Agreement) -> Stored:
    """The Consent after the patient has said so."""
    id = patient.partition("/")[2]
    found, _ = await world.database.write(lambda session: state(world.store, session, id, agreement, by="my-data"))
    validate(codec.parse(found.body, type="Consent"))
    return found


async def test_what_a_patient_says_is_in_force_at_the_next_request(world: World) -> None:
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")
    clinic = other.partition("/")[2]
    seen = []

    for answer in (Answer.YES, Answer.NO, Answer.YES, Answer.TAKEN_BACK):
        await say(world, patient, Agreement(About.CARE, answer, clinic))
        seen.append(await world.sees("b", patient))

    assert seen == [True, False, True, False]


async def test_a_refusal_to_everybody_closes_what_others_opened(world: World) -> None:
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")
    await world.write("a", w.care_team(patient, other))

    await say(world, patient, Agreement(About.CARE, Answer.NO))
    refused = await world.sees("b", patient)
    await say(world, patient, Agreement(About.CARE, Answer.TAKEN_BACK))

    assert (refused, await world.sees("b", patient), await world.sees("a", patient)) == (False, True, True)


async def test_the_statistics_read_the_answer_as_it_was_given(world: World) -> None:
    patient = await w.patient(world, "a")
    found = []

    for answer in Answer:
        stored = await say(world, patient, Agreement(About.STATISTICS, answer))
        consent = msgspec.json.decode(stored.body, type=statistics.Consent)
        said = statistics.statement(consent, at=world.clock.now())
        found.append((stored.version, said and said[1]))

    assert found == [(1, statistics.Answer.PERMITS), (2, statistics.Answer.REFUSES), (3, None)]


async def test_an_answer_about_care_says_nothing_about_the_statistics_and_the_other_way_round(world: World) -> None:
    other, patient = await w.clinic(world, "b"), await w.patient(world, "a")
    await world.write("a", w.care_team(patient, other))

    stored = await say(world, patient, Agreement(About.CARE, Answer.YES, other.partition("/")[2]))
    await say(world, patient, Agreement(About.STATISTICS, Answer.NO))

    consent = msgspec.json.decode(stored.body, type=statistics.Consent)
    assert statistics.statement(consent, at=world.clock.now()) is None
    assert await world.sees("b", patient)


async def test_nobody_agrees_for_a_patient_who_is_not_there_or_to_everybody_looking(world: World) -> None:
    patient = await w.patient(world, "a")

    with pytest.raises(NotFound):
        await say(world, "Patient/absent", Agreement(About.STATISTICS, Answer.YES))
    with pytest.raises(NobodyNamedError):
        await say(world, patient, Agreement(About.CARE, Answer.YES))
