import pickle

import cloudpickle
import pytest
import torch
from torch import nn

from stemdist_ray import ForecasterOptions, WindowShape
from stemdist_ray.config import ForecasterConfig
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters import FORECASTERS, build_forecaster, register_forecaster
from stemdist_ray.forecasters.modules import as_forecaster

SHAPE = WindowShape(lookback=8, horizon=5, num_features=2)


class Line(nn.Module):
    """One line for all.

    More of it.
    """

    def __init__(self, shape):
        super().__init__()
        self.line = nn.Linear(shape.lookback, shape.horizon)

    def forward(self, x, mean_window):
        return self.line(x[..., 0].transpose(1, 2)).transpose(1, 2)


class Scaled(Line):
    class Options(ForecasterOptions):
        factor: float = 2.0

    def __init__(self, shape, options):
        super().__init__(shape)
        self.factor = options.factor

    def forward(self, x, mean_window):
        return self.factor * super().forward(x, mean_window)


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    monkeypatch.setattr(FORECASTERS, "_entries", FORECASTERS.loaded())


def test_a_module_is_built_by_name_and_forecasts():
    assert register_forecaster("line")(Line) is Line
    model = build_forecaster(ForecasterConfig(name="line"), SHAPE)
    x, mean_window = torch.randn(3, 8, 4, 2), torch.randn(4, 8, 2)
    assert torch.equal(model(x, mean_window), model.module(x, mean_window))
    assert model.summary == "One line for all."
    assert model.num_parameters() == 45


def test_options_of_a_module():
    register_forecaster("scaled")(Scaled)
    model = build_forecaster(ForecasterConfig(name="scaled", options={"factor": 3}), SHAPE)
    assert model.module.factor == 3
    with pytest.raises(ConfigError, match="forecaster scaled: colour: unknown setting"):
        build_forecaster(ForecasterConfig(name="scaled", options={"colour": 3}), SHAPE)


def test_defining_a_class_again_replaces_it():
    register_forecaster("line")(Line)
    again = type("Line", (Line,), {"__module__": __name__, "__qualname__": "Line"})
    register_forecaster("line")(again)
    assert FORECASTERS.get("line").module_class is again
    with pytest.raises(ConfigError, match="'line' is registered already"):
        register_forecaster("line")(Scaled)


def test_a_wrong_shape_is_explained():
    class Long(Line):
        def forward(self, x, mean_window):
            return super().forward(x, mean_window).transpose(1, 2)

    model = as_forecaster(Long)(SHAPE, ForecasterOptions())
    with pytest.raises(ConfigError, match=r"Long returned \(3, 4, 5\).* = \(3, 5, 4\)"):
        model(torch.randn(3, 8, 4, 2), torch.randn(4, 8, 2))


def test_unsuitable_classes_are_refused():
    class NoMeanWindow(nn.Module):
        def __init__(self, shape):
            super().__init__()

        def forward(self, x):
            return x

    with pytest.raises(
        ConfigError, match=r"NoMeanWindow.forward is called as forward\(self, x, mean"
    ):
        as_forecaster(NoMeanWindow)
    with pytest.raises(ConfigError, match="subclass of Forecaster or torch.nn.Module; found 3"):
        as_forecaster(3)


def test_travels_to_workers():
    kind = as_forecaster(Line)
    copy = pickle.loads(cloudpickle.dumps(kind))
    assert copy(SHAPE, ForecasterOptions()).num_parameters() == 45
