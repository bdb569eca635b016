import pytest

from stemdist_ray.comparison.break_even import break_even


@pytest.mark.parametrize(
    ("distil", "full", "distilled", "models"),
    [(100, 12, 2, 10), (101, 12, 2, 11), (1, 50, 2, 1), (100, 2, 2, None), (100, 2, 3, None)],
)
def test_models_after_which_it_pays(distil, full, distilled, models):
    assert break_even(distil, full, distilled) == models
