"""Nobody gives more than they have: settling grants against brute force over all chains."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, permutations

from hypothesis import given
from hypothesis import strategies as st

from telemed.access.settle import FOREVER, NEVER, Claim, settle

START = datetime(2026, 1, 1, tzinfo=UTC)
TENANTS = ("home", "b", "c", "d")

claims = st.lists(
    st.builds(
        Claim,
        tenant=st.sampled_from(TENANTS),
        granted_by=st.sampled_from(TENANTS),
        until=st.integers(1, 5).map(lambda days: START + timedelta(days=days)),
    ),
    max_size=6,
)


def reach(tenant: str, made: list[Claim]) -> datetime:
    """Until when the tenant is let in: the best over all chains from home, each as long as its shortest link."""
    best = FOREVER if tenant == "home" else NEVER
    for length in range(1, len(made) + 1):
        for chain in permutations(made, length):
            starts = chain[0].granted_by == "home" and chain[-1].tenant == tenant
            if starts and all(one.tenant == next.granted_by for one, next in pairwise(chain)):
                best = max(best, min(claim.until for claim in chain))
    return best


@given(claims)
def test_a_grant_holds_as_long_as_the_best_chain_from_home(made: list[Claim]) -> None:
    settled = settle(made, home="home", denied={})

    assert settled == [min(claim.until, reach(claim.granted_by, made)) for claim in made]


def test_two_clinics_that_let_each_other_in_gain_nothing() -> None:
    made = [Claim("b", "c", FOREVER), Claim("c", "b", FOREVER)]

    assert settle(made, home="home", denied={}) == [NEVER, NEVER]


def test_nothing_follows_from_the_word_of_a_clinic_that_the_patient_denies_something() -> None:
    made = [Claim("b", "home", FOREVER), Claim("c", "b", FOREVER), Claim("d", "c", FOREVER)]

    assert settle(made, home="home", denied={"b": START}) == [FOREVER, START, START]
    assert settle(made, home="home", denied={"home": START}) == [FOREVER, FOREVER, FOREVER]


def test_nothing_follows_from_a_grant_for_a_part_of_the_record() -> None:
    made = [Claim("b", "home", FOREVER, whole=False), Claim("c", "b", FOREVER)]

    assert settle(made, home="home", denied={}) == [FOREVER, NEVER]
