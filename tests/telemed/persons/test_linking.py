"""Patients of two clinics become one person when both say so, or by the insurance number; and stop being it."""

from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import select
from sqlmodel import Session, col
from sqlmodel import select as sqlselect

from fhir import insurance
from fhir.audit import AUDIT
from fhir.compartments import pseudonym
from fhir.insurance import KVNR
from fhir.reader import Reader
from infra.caller import Caller, Role
from infra.clock import FixedClock
from telemed.keys.erasing import close
from telemed.persons import linking, questions
from telemed.persons.linking import Said
from telemed.persons.models import PersonQuestion
from telemed.persons.problems import ClinicUnknown, NotEnoughKnown, OwnClinic, PatientNotYours, PersonMustConfirm
from tests.fhir.record import kvnr, observation
from tests.telemed.keys.patients import left
from tests.telemed.persons.people import People, desk, parsed, person

LATER = datetime(2100, 1, 1, tzinfo=UTC)


async def test_both_clinics_have_to_say_so(people: People) -> None:
    here, there = await people.come("north"), await people.come("south")

    first = await people.link("north", here, "south")
    between = await people.together()
    second = await people.link("south", there, "north")

    assert (first, second) == (Said.ASKED, Said.LINKED)
    assert between == {frozenset({here}), frozenset({there})}
    assert await people.together() == {frozenset({here, there})}


@pytest.mark.parametrize("known", [True, False])
async def test_who_asks_hears_the_same_whether_the_other_clinic_knows_the_patient_or_not(
    people: People, *, known: bool
) -> None:
    here = await people.come("north")
    if known:
        await people.come("south")

    assert [await people.link("north", here, "south") for _ in range(2)] == [Said.ASKED] * 2
    assert await people.unlink("north", here, "south") is Said.APART


@pytest.mark.parametrize(
    "other",
    [
        person(family="Beispielmann"),
        person(birthDate="1980-03-01"),
        person(birthDate="1980"),
        person(number=2),
    ],
)
async def test_a_question_about_somebody_else_joins_nobody(people: People, other: dict[str, object]) -> None:
    here, there = await people.come("north", person(number=1)), await people.come("south", other)
    await people.link("north", here, "south")

    try:
        said = await people.link("south", there, "north")
    except NotEnoughKnown:
        said = Said.ASKED

    assert said is Said.ASKED
    assert len(await people.together()) == 2


async def test_of_two_patients_alike_at_one_clinic_none_is_joined(people: People) -> None:
    twins = [await people.come("north") for _ in range(2)]
    there = await people.come("south")
    for each in twins:
        await people.link("north", each, "south")

    assert await people.link("south", there, "north") is Said.ASKED
    assert len(await people.together()) == 3


async def test_either_side_separates_and_each_has_its_own_back(people: People) -> None:
    for who in ("north", "south"):
        ids = {"north": await people.come("north"), "south": await people.come("south")}
        before = await people.persons()
        await people.link("north", ids["north"], "south")
        await people.link("south", ids["south"], "north")

        await people.unlink(who, ids[who], "south" if who == "north" else "north")

        assert await people.persons() == before
        for each in ids.values():
            await people.change("north" if each == ids["north"] else "south", each, name=[{"text": "Ada"}])


async def test_the_number_joins_at_once_and_a_clinic_may_say_that_it_is_wrong(people: People) -> None:
    here, there = await people.come("north", person(number=7)), await people.come("south", person(number=7))
    joined = await people.together()

    await people.believe("north", here, apart=True)
    apart = await people.together()
    await people.change("north", here, gender="other")
    still = await people.together()
    await people.believe("north", here, apart=False)

    assert joined == await people.together() == {frozenset({here, there})}
    assert apart == still == {frozenset({here}), frozenset({there})}


async def test_whoever_comes_with_the_number_of_somebody_joined_belongs_to_them(people: People) -> None:
    here, there = await people.come("north", person(number=7)), await people.come("south")
    await people.link("north", here, "south")
    await people.link("south", there, "north")
    late = await people.come("south", person(family="Anders", number=7))
    assert await people.together() == {frozenset({here, there, late})}

    await people.change("north", here, identifier=[kvnr(8)])

    assert await people.together() == {frozenset({here, there}), frozenset({late})}


async def test_systems_nurses_and_strangers_confirm_nothing(people: People) -> None:
    here = await people.come("north")

    for role in (Role.SYSTEM, Role.NURSE, Role.COORDINATOR):
        caller = desk("north", role)._replace(scopes=frozenset({"system/*.cruds", "user/*.cruds"}))
        with pytest.raises(PersonMustConfirm):
            await people.run(
                lambda s, caller=caller: linking.link(s, people.store, caller, patient_id=here, organization="south")
            )
    with pytest.raises(PatientNotYours):
        await people.link("south", here, "north")
    with pytest.raises(OwnClinic):
        await people.link("north", here, "north")
    with pytest.raises(ClinicUnknown):
        await people.link("north", here, "nowhere")


async def test_every_step_stands_in_the_log_of_the_clinic_whose_patient_it_is(people: People) -> None:
    here, there = await people.come("north"), await people.come("south")
    await people.link("north", here, "south")
    await people.link("south", there, "north")
    await people.unlink("south", there, "north")

    wanted = select(AUDIT.c.tenant, AUDIT.c.resource_id, AUDIT.c.agent_tenant).where(AUDIT.c.action == "operation")
    rows = await people.database.read(
        lambda s: [tuple(row) for row in s.connection().execute(wanted.order_by(AUDIT.c.id)).fetchall()]
    )

    assert sorted(rows) == sorted(
        [
            ("north", here, "north"),  # asked
            ("north", here, "south"),  # linked, by the other side
            ("north", here, "south"),  # separated, by the other side
            ("south", there, "south"),
            ("south", there, "south"),
        ]
    )


async def test_a_refused_question_is_not_shown_again_and_can_be_answered_later(people: People) -> None:
    here, there = await people.come("north"), await people.come("south")
    await people.link("north", here, "south")

    await people.run(lambda s: linking.refuse(s, people.store, desk("south"), patient_id=there, organization="north"))

    assert await people.link("north", here, "south") is Said.ASKED
    assert await people.link("south", there, "north") is Said.LINKED


async def test_consent_and_encounters_of_both_clinics_are_one_persons_while_they_are_joined(people: People) -> None:
    """Statistics read the person behind each resource: a consent given here counts for what is written there."""
    here, there = await people.come("north"), await people.come("south")
    for tenant, id in (("north", here), ("south", there)):
        system = desk(tenant, Role.SERVICE)
        await people.run(partial(people.store.create, caller=system, parsed=parsed(observation(id))))

    def behind(session: Session) -> set[str]:
        return {row.person for row in Reader(people.store.vault).rows(session, ["Observation"], at=LATER)}

    apart = await people.database.read(behind)
    await people.link("north", here, "south")
    await people.link("south", there, "north")
    joined = await people.database.read(behind)
    await people.unlink("north", here, "south")

    assert (len(apart), len(joined)) == (2, 1)
    assert await people.database.read(behind) == apart


async def test_an_erased_patient_leaves_no_trace_among_persons_and_takes_nobody_along(people: People) -> None:
    """Erased by itself; whoever it held together is apart, and each of them has its own back."""
    here, there = await people.come("north"), await people.come("south")
    alone = await people.persons()
    twin = await people.come("south")
    await people.merge("south", twin, there)
    await people.link("south", there, "north")
    await people.link("north", here, "south")
    await people.link("south", twin, "north")
    compartment = pseudonym(people.store.vault, there)

    await people.run(partial(close, compartment=compartment))

    assert (await people.persons())[here] == alone[here]
    assert len(await people.together()) == 2
    assert not {"person_link", "person_question", "person_refusal"} & set(
        await left(people.database, people.store.vault, there)
    )


@pytest.mark.parametrize("number", ["X123456789", "X000000000"])
async def test_without_the_check_digit_mistyped_numbers_would_join_strangers(
    people: People, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    wrong = person(identifier=[{"system": KVNR, "value": number}])
    for tenant in ("north", "south"):
        await people.come(tenant, wrong)
    assert len(await people.together()) == 2

    monkeypatch.setattr(insurance, "stands_for_a_person", lambda _: True)
    for tenant in ("north", "south"):
        await people.come(tenant, wrong)

    assert len(await people.together()) == 3


async def test_without_asking_who_it_is_a_system_could_join_people(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await people.come("north")
    system = Caller("north", "system", Role.SYSTEM, frozenset({"system/*.cruds"}))
    monkeypatch.setattr(linking, "require_person", lambda _: None)

    said = await people.run(lambda s: linking.link(s, people.store, system, patient_id=here, organization="south"))

    assert said is Said.ASKED


async def test_without_comparing_numbers_two_namesakes_would_be_joined(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await people.come("north", person(number=1)), await people.come("south", person(number=2))
    await people.link("north", here, "south")
    assert await people.link("south", there, "north") is Said.ASKED
    monkeypatch.setattr(linking, "agreeing", lambda *_: True)

    assert await people.link("south", there, "north") is Said.LINKED


async def test_a_question_nobody_answered_is_forgotten_after_a_month(people: People) -> None:
    here, there = await people.come("north"), await people.come("south")
    await people.link("north", here, "south")
    clock = people.store.clock
    assert isinstance(clock, FixedClock)
    clock.advance(questions.LASTS)

    assert await people.link("south", there, "north") is Said.ASKED
    await people.run(questions.forget_old, now=clock.now())
    rows = await people.database.read(lambda s: list(s.exec(sqlselect(col(PersonQuestion.tenant)))))
    assert rows == ["north"]
