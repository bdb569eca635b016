from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.forecasters.closed_form.seasonal_linear import SeasonalLinear


def test_row():
    assert ROWS.get("seasonal_linear").forecaster is SeasonalLinear
