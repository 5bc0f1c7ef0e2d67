"""The bars: what a ratio must reach, by what is measured and against whom."""

from collections.abc import Mapping
from typing import Final

from tests.bench.sides import EACH, GROUPED, POSTGRES, Scenario

FHIRSTARTER: Final = "fhirstarter over a dict"

# The other side's processor time divided by ours, so throughput per processor second of ours in units of the other's.
REQUESTS: Final[Mapping[tuple[Scenario, str], float]] = {
    (Scenario.CREATE, EACH): 1.0,
    (Scenario.CREATE, GROUPED): 0.4,
    (Scenario.CREATE, POSTGRES): 0.7,
    (Scenario.CREATE, FHIRSTARTER): 3.0,
    (Scenario.READ, EACH): 0.9,
    (Scenario.READ, POSTGRES): 0.7,
    (Scenario.READ, FHIRSTARTER): 3.0,
    (Scenario.SEARCH, EACH): 0.6,
    (Scenario.SEARCH, POSTGRES): 0.6,
    (Scenario.SEARCH, FHIRSTARTER): 1.5,
}
SEAL_OF_CREATE: Final = 0.01  # of a request's processor time, sealing and opening together
SEAL_OF_READ: Final = 0.02
GROWTH: Final = 1.5  # the middle latency of a search, with a hundred times the resources
TAIL: Final = 5.0  # the slowest hundredth against the middle
TRANSACTION: Final = 2.0  # resources a second in transactions of 100 against single creates
RULES: Final = 100.0  # microseconds for our rules, of a mean official example
VALIDATION: Final = 1.3  # all of validation against fhir.resources alone
EXTRACTION: Final = 60.0  # microseconds for all search values of a mean official example
