from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.forecasters.closed_form.historical_average import HistoricalAverage


def test_row():
    assert ROWS.get("historical_average").forecaster is HistoricalAverage
