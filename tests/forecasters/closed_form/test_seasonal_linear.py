import numpy as np

from stemdist_ray.forecasters.closed_form.seasonal_linear import SeasonalLinear


def test_it_forecasts_what_the_base_does(based):
    model = SeasonalLinear(based)
    starts = based.starts["test"]
    np.testing.assert_allclose(model.predict(starts), based.windows.batch(starts).base, atol=1e-5)
    assert model.source.windows.base is None
