"""The bars: what a ratio must reach, by what is measured and against whom."""

from collections.abc import Mapping
from typing import Final

from tests.bench.sides import GROUPED, NAIVE, Scenario

FHIRSTARTER: Final = "fhirstarter over a dict"

SQLITE: Final = "SQLite"
POSTGRES: Final = "PostgreSQL"

# The other side's processor time divided by ours, so throughput per processor second of ours in units of the other's.
REQUESTS: Final[Mapping[tuple[Scenario, str, str], float]] = {
    (Scenario.CREATE, SQLITE, NAIVE): 1.0,
    (Scenario.CREATE, POSTGRES, NAIVE): 0.7,
    (Scenario.CREATE, SQLITE, GROUPED): 0.4,
    (Scenario.CREATE, SQLITE, FHIRSTARTER): 3.0,
    (Scenario.READ, SQLITE, NAIVE): 0.9,
    (Scenario.READ, POSTGRES, NAIVE): 0.7,
    (Scenario.READ, SQLITE, FHIRSTARTER): 3.0,
    (Scenario.SEARCH, SQLITE, NAIVE): 0.6,
    (Scenario.SEARCH, POSTGRES, NAIVE): 0.6,
    (Scenario.SEARCH, SQLITE, FHIRSTARTER): 1.5,
}
PAGES: Final = 11.0  # that a create writes on SQLite, eight in a commit: no more than it does now
SEAL_OF_CREATE: Final = 0.01  # of a request's processor time, sealing and opening together
SEAL_OF_READ: Final = 0.02
GROWTH: Final = 1.5  # the middle latency of a search, with a hundred times the resources
TAIL: Final = 5.0  # the slowest hundredth against the middle
TRANSACTION: Final = 2.0  # resources a second in transactions of 100 against single creates
RULES: Final = 100.0  # microseconds for our rules, of a mean official example
VALIDATION: Final = 1.3  # all of validation against fhir.resources alone
VERIFY: Final = 30.0  # seconds for a log of a million events, in proportion for a smaller one
PROOF: Final = 10.0  # milliseconds for the proof of one event, whatever the size of the log
EXTRACTION: Final = 60.0  # microseconds for all search values of a mean official example
EXTRACTED: Final = 100_000.0  # resources a second and core, from sealed bytes to a row per person
AUDIT_OF_READ: Final = 15.0  # per cent of a read's processor time, for its line in the log
COUNTING: Final = 10.0  # microseconds of a request for its limits, by address and by client
TOKEN: Final = 30.0  # microseconds to tell whose an access token is, known already
REWRAP: Final = 5.0  # seconds for the data keys of 10^5 patients, with the key file
DECISION: Final = 2.0  # microseconds for a permit
POLICY_OF_SEARCH: Final = 5.0  # per cent of a search's processor time
FLOOR: Final = 1 / 1.3  # the bare cryptography and one system call of a packet, against all of forwarding it
BARE: Final = 1 / 1.3  # the same with the wake-up and the reception that each packet needs
RELAY: Final = 8.0  # a packet of the relay that decodes and encodes, against one forwarded
JANUS: Final = 1 / 0.75  # a packet of Janus, against one forwarded
CONSULTATIONS: Final = 60  # of two, on one core
DELAY: Final = 5.0  # milliseconds that the unit adds for the slowest hundredth of their packets
WAITING: Final = 150.0  # megabytes for 2,000 people who wait
JOIN: Final = 2.0  # seconds from the click that joins to the first picture of the other side
KILLED: Final = 3.0  # seconds without new sound after a media worker was killed
NOTICE: Final = 200.0  # milliseconds until somebody hears of being let in
ADULT_NCP: Final = {5: (0.0546, 0.0567), 10: (0.0794, 0.0811), 25: (0.1176, 0.1192), 50: (0.1525, 0.1536)}
"""By k: the most that may be lost, and what ARX loses at its best, as quoted."""
ADULT_SECONDS: Final = 0.2
PARTITION: Final = 4.0  # GROUP BYs of the same rows, for counting and partition together
PARTITION_MEMORY: Final = 2.5  # GB, for 10^7 persons
REGION_ERROR: Final = 0.02  # the median of municipality totals
REGION_MISPLACED: Final = 0.005  # the share of persons in a wrong municipality
