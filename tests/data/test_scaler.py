import numpy as np
import pytest

from stemdist_ray.data.scaler import Scaler
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError


def test_fit_sees_observed_train_entries_only():
    values = np.zeros((10, 2, 1), np.float32)
    values[:4, 0, 0] = [1, 2, 3, 4]
    values[:4, 1, 0] = np.nan
    values[4:] = 1000
    scaler = Scaler.fit(SpatioTemporalSeries(values), 4)
    assert scaler.mean == (2.5,)
    assert scaler.std == pytest.approx((np.std([1, 2, 3, 4]),))


def test_inverse_undoes_transform(rng):
    values = rng.normal(50, 9, (20, 3, 2)).astype(np.float32)
    scaler = Scaler.fit(SpatioTemporalSeries(values), 20)
    scaled = scaler.transform(values)
    assert scaled.mean() == pytest.approx(0, abs=1e-5)
    for feature in (0, 1):
        back = scaler.inverse(scaled[..., feature], feature)
        np.testing.assert_allclose(back, values[..., feature], rtol=1e-5)


def test_constant_feature_becomes_zero():
    scaler = Scaler.fit(SpatioTemporalSeries(np.full((5, 2, 1), 7.0)), 5)
    assert scaler.transform(np.full((1, 1, 1), 7.0, np.float32)).item() == 0


def test_feature_without_train_readings():
    values = np.ones((10, 2, 1), np.float32)
    values[:5] = np.nan
    with pytest.raises(DataError, match="never observed in the 5 train steps"):
        Scaler.fit(SpatioTemporalSeries(values), 5)
