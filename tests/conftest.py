"""What every test can ask for: databases, Redis, browsers, reference data."""

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
