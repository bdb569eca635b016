import pytest
import torch

from jobs.benchmarks.shares import GROUPS, REST, time_shares


def test_shares_add_up_and_find_the_products():
    left = torch.randn(600, 600)
    shares = time_shares(lambda: left @ left, 3)
    assert set(shares) == {*GROUPS, REST}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert next(iter(shares)) == "matrix products"
    assert shares["matrix products"] > 0.5


def test_elementwise_work_is_told_apart():
    x = torch.randn(2_000_000)
    shares = time_shares(lambda: torch.tanh(x), 3)
    assert shares["elementwise"] > 0.5
