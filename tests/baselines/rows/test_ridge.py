from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.forecasters.closed_form.ridge import RidgeOnLags


def test_row():
    assert ROWS.get("ridge").forecaster is RidgeOnLags
