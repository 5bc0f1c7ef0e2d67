"""Answers as numbers: each counted once, on both databases, and shown only where there are enough."""

from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from infra.database import Session
from telemed.visits import opinions, service
from telemed.visits.models import OpinionCount
from telemed.visits.opinions import LEAST_ANSWERS, Opinion, shown
from tests.telemed.visits.clinic import TENANT, Clinic


@given(st.lists(st.sampled_from(Opinion), max_size=3 * LEAST_ANSWERS))
def test_a_month_is_shown_whole_or_not_at_all(answers: list[Opinion]) -> None:
    told = shown({one: answers.count(one) for one in Opinion})

    assert (told is None) == (len(answers) < LEAST_ANSWERS)
    assert told is None or sum(told.values()) == len(answers)


async def test_answers_of_many_visits_add_up(clinic: Clinic) -> None:
    def unit(session: Session) -> list[tuple[str, int]]:
        for number in range(5):
            visit = service.found(session, f"appointment-{number + 10}", tenant=TENANT)
            for _ in range(2):  # the second time it is answered already
                opinions.give(session, visit, Opinion.SO_SO, now=clinic.services.clock.now())
        return [(row.opinion, row.count) for row in session.exec(select(OpinionCount))]

    assert await clinic.services.database.write(unit) == [("so-so", 5)]
