import numpy as np
import pytest

from stemdist_ray.baselines.rows import closed_form_rows
from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.source import read_series
from stemdist_ray.evaluation.predict import EvaluationWindows
from stemdist_ray.forecasters.closed_form.last_value import LastValue
from stemdist_ray.forecasters.closed_form.ridge import RidgeOnLags
from tests.conftest import real_file


def score(kind, source, split="test"):
    model, windows = kind(source), EvaluationWindows.of(source, source.starts[split])
    return windows.score(model.predict, model.windows_per_batch())


@pytest.mark.parametrize(
    ("name", "last", "ridge"),
    [
        ("era5_uk_t2m_2019_03.nc", (1.2085, 0.9961), (0.7351, 0.6456)),
        ("metr_la_week_speed.csv", (0.6063, 0.4351), (0.5734, 0.4358)),
        ("sst_pacific_monthly.npz", (1.1190, 1.0778), (0.8988, 0.9214)),
    ],
)
def test_known_figures_on_real_data(name, last, ridge):
    """Sanity figures computed independently of this code."""
    data = prepare(read_series(real_file(name)), DataConfig())
    for kind, (rmse, mae) in ((LastValue, last), (RidgeOnLags, ridge)):
        metrics = score(kind, data)
        assert metrics.relative_rmse == pytest.approx(rmse, abs=2e-4)
        assert metrics.relative_mae == pytest.approx(mae, abs=2e-4)


FITTED = [row for row in closed_form_rows() if row.name != "zero_shot"]


@pytest.mark.parametrize("row", FITTED, ids=lambda row: row.name)
def test_missing_readings_are_no_problem(row, traffic):
    source = prepare(traffic, DataConfig(lookback=6, horizon=4))
    assert np.isfinite(score(row.forecaster, source).rmse)
