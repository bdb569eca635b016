import numpy as np
import pytest

from stemdist_ray.comparison.passes import series_parts
from stemdist_ray.comparison.train_row import SCORED, ComparisonData, scored_starts
from stemdist_ray.execution.serial import SerialExecutor


@pytest.mark.parametrize("with_base", [True, False])
def test_the_passes_give_what_the_functions_give(seasonal, fitted, tiny_config, with_base):
    own = fitted if with_base else None
    starts = scored_starts(seasonal, tiny_config.evaluation)
    parts = series_parts(own, 1, SerialExecutor(seasonal), starts)
    np.testing.assert_array_equal(parts.mean_window, seasonal.mean_window())
    if with_base:
        bound = fitted.bind(seasonal)
        np.testing.assert_array_equal(parts.base.groups, bound.groups)
        np.testing.assert_array_equal(parts.base.overall, bound.overall)
    else:
        assert parts.base is None
    assert tuple(starts) == tuple(parts.statistics) == SCORED
    assert parts.statistics["test"].mean != parts.statistics["validation"].mean


def test_known_statistics_are_taken_as_they_are(based_material):
    whole = ComparisonData.of(based_material)
    known = {name: getattr(whole, name).statistics for name in SCORED}
    data = ComparisonData.of(based_material, known)
    for name in SCORED:
        assert getattr(data, name).statistics is known[name]
        np.testing.assert_array_equal(getattr(data, name).starts, getattr(whole, name).starts)
