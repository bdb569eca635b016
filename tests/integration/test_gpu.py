"""What only a GPU can show; skipped where there is none."""

import numpy as np
import pytest
import torch

from stemdist_ray import distill, train_forecaster
from stemdist_ray.config import BudgetConfig, ForecasterConfig
from stemdist_ray.execution.ledger import devices
from stemdist_ray.forecasters import FORECASTERS
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.training.engine import Engine
from stemdist_ray.training.steps import TrainingStep
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
    assert devices(one.dataset.manifest.executions) == {torch.cuda.get_device_name()}


def test_training(traffic, train_config, tmp_path):
    tree = train_config.model_dump()
    results = []
    for gpus in (0, 1):
        tree["worker"] |= {"num_workers": 0, "num_gpus": gpus}
        config = type(train_config).model_validate(tree)
        results.append(train_forecaster(traffic, tmp_path / str(gpus), config))
    assert results[1].validation == pytest.approx(results[0].validation, rel=1e-3)


@pytest.mark.parametrize("name", sorted(FORECASTERS.loaded()))
def test_recorded_steps_give_the_same_bits(name):
    """Dropout, running statistics and steps of two shapes included."""
    weights = []
    for recorded in (True, False):
        torch.manual_seed(0)
        shape = WindowShape(lookback=12, horizon=12, num_features=3, num_covariates=2)
        options = {"dropout": 0.3} if "dropout" in forecaster_options(name) else {}
        model = build_forecaster(ForecasterConfig(name=name, options=options), shape).to(GPU)
        engine = Engine(model, BudgetConfig(epochs=1, averaging=0.9, warmup_steps=5))
        assert engine.captured is not None
        if not recorded:
            engine.captured = None
        numbers = torch.Generator(device=GPU).manual_seed(1)
        engine.train_epoch(random_step(20 + step % 2, numbers, step) for step in range(24))
        if recorded:
            assert len(engine.captured.recorded) == 4  # two sizes, with and without gaps
        weights.append({**model.state_dict(), **engine.candidate.state_dict(prefix="average.")})
    for part, value in weights[0].items():
        assert torch.equal(value, weights[1][part]), part


def forecaster_options(name):
    return FORECASTERS.loaded()[name].Options.model_fields


def random_step(locations, numbers, step):
    def drawn(*size):
        return torch.randn(*size, device=GPU, generator=numbers)

    seen = None if step < 12 else drawn(8, 12, locations) > -1
    return TrainingStep(
        x=drawn(8, 12, locations, 3),
        y=drawn(8, 12, locations),
        mean_window=drawn(locations, 12, 3),
        weights=torch.ones(locations, device=GPU),
        observed=seen,
    )
