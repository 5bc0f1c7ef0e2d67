"""What every test can ask for: databases, Redis, browsers, reference data."""

from greenlet import _greenlet

# For each thread that ends greenlet would search the whole heap for references to it, where no limit of a test reaches; a long run has gigabytes.
_greenlet.enable_optional_cleanup(False)

pytest_plugins = [
    "tests.effort",
    "tests.fixtures.participants",
    "tests.fixtures.databases",
    "tests.fixtures.queues",
    "tests.fixtures.browsers",
    "tests.fixtures.javascript",
    "tests.fixtures.openid",
    "tests.fixtures.reference",
    "tests.fixtures.logs",
    "tests.fixtures.turn",
]
