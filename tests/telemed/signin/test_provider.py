"""What every identity provider keeps, the embedded one and the external one alike."""

import asyncio
from datetime import timedelta

import pytest

from infra.database import Session
from telemed.identity.lifetimes import CHALLENGE, STEP_UP
from telemed.identity.models import Clinician
from telemed.signin.challenges import Attempt, Purpose
from telemed.signin.provider import SignInRefused
from tests.telemed.signin.conftest import Rig

BROWSER = "a browser's secret"
SIGN_IN = Attempt(BROWSER, Purpose.SIGN_IN)


async def test_whoever_proves_themselves_is_who_is_registered(rig: Rig) -> None:
    begun = await rig.provider.begin(SIGN_IN)

    found = await rig.provider.finish(SIGN_IN, await rig.prove("bert", begun))

    assert found.clinician_id == "bert"
    assert abs(found.at - rig.clock.now()) < timedelta(minutes=1)


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
async def test_of_many_uses_of_one_answer_at_once_exactly_one_counts(rig: Rig) -> None:
    answer = await rig.prove("anke", await rig.provider.begin(SIGN_IN))

    found = await asyncio.gather(*(rig.provider.finish(SIGN_IN, answer) for _ in range(10)), return_exceptions=True)

    assert [type(each) for each in found if isinstance(each, BaseException)] == [SignInRefused] * 9


@pytest.mark.parametrize(
    "other",
    [
        Attempt("another browser", Purpose.SIGN_IN),
        Attempt("", Purpose.SIGN_IN),
        Attempt(BROWSER, Purpose.ENROL),
        Attempt(BROWSER, Purpose.STEP_UP, "anke"),
    ],
    ids=str,
)
async def test_an_answer_counts_in_the_browser_and_for_the_purpose_that_it_was_asked_for(
    rig: Rig, other: Attempt
) -> None:
    answer = await rig.prove("anke", await rig.provider.begin(SIGN_IN))

    with pytest.raises(SignInRefused):
        await rig.provider.finish(other, answer)

    assert (await rig.provider.finish(SIGN_IN, answer)).clinician_id == "anke"


async def test_an_answer_that_comes_too_late_counts_for_nothing(rig: Rig) -> None:
    answer = await rig.prove("anke", await rig.provider.begin(SIGN_IN))

    rig.clock.advance(CHALLENGE)

    with pytest.raises(SignInRefused):
        await rig.provider.finish(SIGN_IN, answer)


@pytest.mark.parametrize("who", ["gone", "stranger"])
async def test_who_has_left_and_who_never_was_are_refused_alike(rig: Rig, who: str) -> None:
    answer = await rig.prove(who, await rig.provider.begin(SIGN_IN))

    with pytest.raises(SignInRefused) as refused:
        await rig.provider.finish(SIGN_IN, answer)

    assert (refused.value.text, refused.value.headers) == (SignInRefused().text, {})


async def test_who_leaves_between_question_and_answer_is_refused(rig: Rig) -> None:
    answer = await rig.prove("anke", await rig.provider.begin(SIGN_IN))

    def leave(session: Session) -> None:
        session.get_one(Clinician, "anke").active = False

    await rig.database.write(leave)

    with pytest.raises(SignInRefused):
        await rig.provider.finish(SIGN_IN, answer)


async def test_a_step_up_is_by_the_one_who_is_signed_in(rig: Rig) -> None:
    own = Attempt(BROWSER, Purpose.STEP_UP, "anke")

    mine = await rig.provider.finish(own, await rig.prove("anke", await rig.provider.begin(own)))
    with pytest.raises(SignInRefused):
        await rig.provider.finish(own, await rig.prove("bert", await rig.provider.begin(own)))

    assert mine.clinician_id == "anke"
    assert rig.clock.now() - mine.at < STEP_UP


@pytest.mark.parametrize("answer", [{}, {"state": "x", "code": "y"}, {"id": 1, "response": []}, {"response": {}}])
async def test_an_answer_to_nothing_is_refused(rig: Rig, answer: dict[str, object]) -> None:
    with pytest.raises(SignInRefused):
        await rig.provider.finish(SIGN_IN, answer)
