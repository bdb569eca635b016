"""What networks make of windows before their last layer: the features that methods compare.

Axis letters: W windows, H horizon, K locations, D features of a network, E of an encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from stemdist_ray.forecasters.base_class import Forecaster
from stemdist_ray.forecasters.with_base import GatedForecaster
from stemdist_ray.training.steps import TrainingStep

Layout = Literal["windows first", "locations first"]


class HiddenFeatures:
    """Reads what the last layer of a forecaster is given, one vector per window and location.

    Where a forecaster has no such layer (all of DLinear is its last one), or it reads something
    else, the forecasts take its place.

    Args:
        model: The forecaster.
    """

    def __init__(self, model: Forecaster) -> None:
        self.model = model.inner if isinstance(model, GatedForecaster) else model
        self.last = _last_layer(self.model)
        self.layout = None if self.last is None else self._layout()

    def __call__(self, step: TrainingStep) -> Tensor:
        """(W, K, D), with a graph back to the inputs; in eval mode, as dropout would be noise."""
        self.model.eval()
        if self.layout is None:
            forecast: Tensor = self.model(step.x, step.mean_window)
            return forecast.transpose(1, 2)
        hidden = self._read(step.x, step.mean_window)
        return hidden if self.layout == "windows first" else hidden.transpose(0, 1)

    def _read(self, x: Tensor, mean_window: Tensor) -> Tensor:
        assert self.last is not None
        seen: list[Tensor] = []

        def keep(module: nn.Module, given: tuple[Any, ...]) -> None:
            seen.append(given[0])

        handle = self.last.register_forward_pre_hook(keep)
        try:
            self.model(x, mean_window)
        finally:
            handle.remove()
        return seen[-1] if seen else x.new_zeros(())

    def _layout(self) -> Layout | None:
        """Found out by windows and locations that are of different number."""
        shape = self.model.shape
        like = next(self.model.parameters())
        x = like.new_zeros(2, shape.lookback, 3, shape.num_features)
        training = self.model.training
        with torch.no_grad():
            found = self._read(x, like.new_zeros(3, shape.lookback, shape.num_features)).shape
        self.model.train(training)
        if len(found) != 3 or tuple(found[:2]) not in ((2, 3), (3, 2)):
            return None
        return "windows first" if found[0] == 2 else "locations first"


def _last_layer(model: Forecaster) -> nn.Module | None:
    wanted = {id(p) for p in model.output_parameters()}
    for module in model.modules():
        if isinstance(module, nn.Linear) and {id(p) for p in module.parameters()} == wanted:
            return module
    return None


@dataclass(frozen=True)
class JointEncoder:
    """Encodes what a network makes of the inputs together with the targets, by a random layer.

    What classes are to images, targets are to windows: synthetic windows whose inputs alone look
    real would teach nothing.

    Args:
        features: Of a network.
        mixing: (D + H, E) random weights.
        bias: (E,) the same.
    """

    features: HiddenFeatures
    mixing: Tensor
    bias: Tensor

    @classmethod
    def draw(cls, model: Forecaster, real: TrainingStep, width: int) -> JointEncoder:
        """Draw one whose inputs all have about the scale that they have on real windows."""
        features = HiddenFeatures(model)
        with torch.no_grad():
            hidden, targets = features(real), seen_targets(real)
            parts = [
                torch.randn(part.shape[2], width, device=part.device)
                / (part.square().mean().sqrt() + 1e-6)
                / part.shape[2] ** 0.5
                for part in (hidden, targets)
            ]
            bias = torch.randn(width, device=hidden.device)
        return cls(features, torch.cat(parts), bias)

    def __call__(self, step: TrainingStep) -> Tensor:
        """(W, K, E), not negative."""
        both = torch.cat([self.features(step), seen_targets(step)], dim=2)
        return torch.relu(both @ self.mixing + self.bias)


def seen_targets(step: TrainingStep) -> Tensor:
    """Targets of every window and location, (W, K, H); zero where none was observed."""
    seen = step.observed
    targets = step.y if seen is None else torch.where(seen, step.y, 0.0)
    return targets.transpose(1, 2)
