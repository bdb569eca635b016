from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.forecasters.closed_form.last_value import LastValue


def test_row():
    assert ROWS.get("last_value").forecaster is LastValue
