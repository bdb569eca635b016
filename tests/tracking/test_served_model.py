from types import SimpleNamespace

import numpy as np
import pytest

from stemdist_ray import TrainConfig, train_forecaster


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
    out = served.predict(context, traffic.values[:6].tolist())
    assert np.shape(out) == (4, traffic.num_locations)
