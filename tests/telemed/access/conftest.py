"""What the tests of the second net share."""

import pytest
from sqlalchemy import true


@pytest.fixture
def without_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application's own filter, in SQL and in memory, lets everything through."""
    monkeypatch.setattr("telemed.access.policy.clause", lambda *_, **__: true())
    monkeypatch.setattr("telemed.access.policy.holds", lambda *_, **__: True)
