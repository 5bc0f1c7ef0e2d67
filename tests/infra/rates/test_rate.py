"""Rates as an operator writes them."""

import pytest

from infra.rates import rate


def test_every_part_of_a_rate_counts() -> None:
    windows = rate("1000/second; 30000/minute").windows

    assert [(window.amount, window.get_expiry()) for window in windows] == [(1000, 1), (30000, 60)]


def test_none_is_no_limit() -> None:
    assert rate("none").windows == ()


@pytest.mark.parametrize("text", ["", "many", "0/second", "10", "-1/minute", "10/fortnight", "10/second;x"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        rate(text)


@pytest.mark.parametrize(("text", "block"), [("1000/second", 50), ("100/second;20/minute", 1), ("9000/minute", 100)])
def test_a_block_is_a_small_share_of_the_smallest_window(text: str, block: int) -> None:
    assert rate(text).block == block
