from types import SimpleNamespace

import numpy as np
import pytest

from stemdist_ray import TrainConfig, train_forecaster
from stemdist_ray.errors import DataError


@pytest.fixture
def folder(traffic, tmp_path):
    config = TrainConfig(
        data={"lookback": 6, "horizon": 4},
        forecaster={"name": "dlinear"},
        training={"epochs": 1},
        worker={"num_workers": 0},
        tracking={"enabled": False},
    )
    return train_forecaster(traffic, tmp_path / "run", config).path / "model"


@pytest.mark.filterwarnings("ignore:.*type hint.*:UserWarning")
def test_readings_in_forecasts_out(folder, traffic):
    from stemdist_ray.tracking.served_model import ServedForecaster

    served = ServedForecaster()
    context = SimpleNamespace(artifacts={"forecaster": str(folder)})
    served.load_context(context=context)
    recent, stamp = traffic.values[:6].tolist(), str(traffic.times[5])
    out = served.predict(context, recent, {"last_time": stamp})
    assert np.shape(out) == (4, traffic.num_locations)
    several = served.predict(context, [recent, recent], {"last_time": f"{stamp},{stamp}"})
    np.testing.assert_allclose(several[1], out, rtol=1e-5)
    for params in (None, {}, {"last_time": "", "last_step": -1}):
        with pytest.raises(DataError, match="last_time"):
            served.predict(context, recent, params)
