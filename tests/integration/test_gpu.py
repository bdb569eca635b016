"""What only a GPU can show; skipped where there is none."""

import numpy as np
import pytest
import torch

from stemdist_ray import distill, train_forecaster
from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters import FORECASTERS
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from tests.reference.derivatives import derivatives

GPU = "cuda"

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"),
]


@pytest.mark.parametrize("locations", [12, 300])  # the second one beyond MTGNN's dense graphs
@pytest.mark.parametrize("name", sorted(FORECASTERS.loaded()))
def test_derivatives_are_those_of_a_cpu_and_repeat_to_the_bit(name, locations):
    torch.manual_seed(0)
    shape = WindowShape(lookback=6, horizon=4, num_features=1)
    model = build_forecaster(ForecasterConfig(name=name), shape).double().eval()
    x = torch.randn(2, 6, locations, 1, dtype=torch.float64)
    wanted = derivatives(model, list(model.parameters()), x)
    model.to(GPU)
    first, second = (derivatives(model, list(model.parameters()), x.to(GPU)) for _ in range(2))
    for cpu, gpu, again in zip(wanted, first, second, strict=True):
        torch.testing.assert_close(gpu.cpu(), cpu, rtol=1e-6, atol=1e-9)
        assert torch.equal(gpu, again)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_run_repeats_to_the_bit(traffic, tiny_config, tmp_path, precision):
    tree = tiny_config.model_dump()
    tree["worker"]["num_gpus"] = 1
    tree["forecaster"]["precision"] = precision
    config = type(tiny_config).model_validate(tree)
    one, two = (distill(traffic, tmp_path / name, config) for name in ("one", "two"))
    np.testing.assert_array_equal(one.dataset.x, two.dataset.x)
    np.testing.assert_array_equal(one.dataset.y, two.dataset.y)
    assert [r.objective for r in one.history] == [r.objective for r in two.history]
    assert [r.validation for r in one.history] == [r.validation for r in two.history]


def test_training(traffic, train_config, tmp_path):
    tree = train_config.model_dump()
    results = []
    for gpus in (0, 1):
        tree["worker"] |= {"num_workers": 0, "num_gpus": gpus}
        config = type(train_config).model_validate(tree)
        results.append(train_forecaster(traffic, tmp_path / str(gpus), config))
    assert results[1].validation == pytest.approx(results[0].validation, rel=1e-3)
