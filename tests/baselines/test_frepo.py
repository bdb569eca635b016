import torch

from stemdist_ray.baselines.frepo import FrepoOptions, feature_loss, pool_bytes
from stemdist_ray.baselines.hidden import HiddenFeatures
from stemdist_ray.baselines.learned import LearnedWindows, RealWindows, begin, fresh_network
from stemdist_ray.baselines.size import Sizes


def test_the_regression_forecasts_better(make_work, check_learns):
    start = begin(make_work("frepo"), FrepoOptions())
    options = {"steps": 60, "batch": 64, "learning_rate": 0.02, "networks": 3, "ridge": 1e-3}
    check_learns("frepo", start, **options)


def test_windows_forecast_themselves_best(make_work, rng):
    work = make_work("frepo", temporal=0.3)
    begun = begin(work, FrepoOptions())
    torch.manual_seed(0)
    features = HiddenFeatures(fresh_network(work, begun, at_base=False))
    own, real = LearnedWindows(begun), RealWindows(work, begun, rng).draw(60)
    on_itself = feature_loss(features, own.fixed(), own.windows(), 1e-6)
    assert on_itself < feature_loss(features, real, own.windows(), 1e-6)
    assert on_itself < own.fixed().y.square().mean()


def test_passes_need_memory(make_work):
    work = make_work("frepo")
    sizes = Sizes.of(work.config, work.real)
    assert pool_bytes(sizes, FrepoOptions(batch=8)) < pool_bytes(sizes, FrepoOptions(batch=80))
