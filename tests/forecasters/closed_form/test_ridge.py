from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.forecasters.closed_form.fit_base import PENALTIES
from stemdist_ray.forecasters.closed_form.ridge import RidgeOnLags

CONFIG = DataConfig(lookback=3, horizon=2)


@pytest.mark.parametrize("missing", [False, True])
def test_ridge_equals_scikit_learn(rng, missing):
    values = rng.normal(size=(80, 3)).cumsum(0).astype(np.float32)
    if missing:
        values[rng.random(values.shape) < 0.1] = np.nan
    data = prepare(SpatioTemporalSeries(values), CONFIG)
    model = RidgeOnLags(data)
    batch = data.windows.batch(data.starts["train"])
    lags = batch.x.numpy()[..., 0].transpose(0, 2, 1).reshape(-1, 3)
    forecast = model.predict(data.starts["test"])
    test = data.windows.batch(data.starts["test"]).x.numpy()[..., 0].transpose(0, 2, 1)
    assert model.fitted.choice.penalty in PENALTIES
    for step in (0, 1):
        target = batch.y.numpy()[:, step].ravel()
        seen = (
            np.ones(len(target), bool) if not missing else batch.observed.numpy()[:, step].ravel()
        )
        alpha = model.fitted.choice.penalty * seen.sum()
        plain = Ridge(alpha=alpha).fit(lags[seen], target[seen])
        expected = plain.predict(test.reshape(-1, 3)).reshape(forecast[:, step].shape)
        np.testing.assert_allclose(forecast[:, step], expected, rtol=1e-3, atol=1e-4)


def test_other_locations_play_no_role(seasonal):
    model, starts = RidgeOnLags(seasonal), np.array([300])
    before = model.predict(starts)
    changed = seasonal.windows.inputs.copy()
    changed[:, 1:] += 5
    model.source = replace(seasonal, windows=replace(seasonal.windows, inputs=changed))
    after = model.predict(starts)
    np.testing.assert_array_equal(before[..., 0], after[..., 0])
    assert not np.array_equal(before[..., 1], after[..., 1])
