"""How hard a run tries: repetitions and Hypothesis examples scale with TELEMED_EFFORT (1 in CI, more in `make soak`)."""

import os

from hypothesis import HealthCheck, settings

EFFORT = float(os.environ.get("TELEMED_EFFORT", "1"))
EXAMPLES = 16

settings.register_profile(
    "effort",
    max_examples=max(1, round(EXAMPLES * EFFORT)),
    deadline=None,  # two shared cores: a slow example says nothing about the code
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("effort")


def repetitions(once: int) -> int:
    """How often to repeat something that is done so many times at effort 1; at least once."""
    return max(1, round(once * EFFORT))


def examples(once: int) -> settings:
    """Hypothesis settings for a test that needs another number of examples than the usual `EXAMPLES` at effort 1."""
    return settings(max_examples=repetitions(once))
