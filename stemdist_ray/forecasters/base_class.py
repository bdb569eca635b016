"""What every forecaster offers.

Axis letters: W windows, L lookback, H horizon, N locations, F features.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.errors import ConfigError


class ForecasterOptions(BaseModel):
    """Base of the hyper-parameters of a forecaster; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class WindowShape:
    """Sizes a forecaster is built for. The number of locations is not among them.

    Args:
        lookback: L, input steps.
        horizon: H, target steps.
        num_features: F, input features, calendar included.
        target: Position of the forecast feature among them.
        num_covariates: C, calendar columns: the last of the F features.
        residual: Whether it forecasts what a base leaves over; its forecasts then start at zero.
        graph: Whether it is given a graph of the locations.
    """

    lookback: int
    horizon: int
    num_features: int
    target: int = 0
    num_covariates: int = 0
    residual: bool = False
    graph: bool = False

    @classmethod
    def of(cls, windows: WindowedSeries) -> WindowShape:
        """The sizes of the windows of a series; a residual's where these have a base."""
        return cls(
            lookback=windows.lookback,
            horizon=windows.horizon,
            num_features=windows.num_features,
            target=windows.target,
            num_covariates=windows.num_covariates,
            residual=windows.base is not None,
            graph=windows.graph is not None,
        )

    def to_json(self) -> dict[str, Any]:
        """All sizes by name; ``graph`` only where there is one, as before there were any."""
        return {n: v for n, v in asdict(self).items() if n != "graph" or self.graph}


class Forecaster(nn.Module, ABC):
    """A forecaster that runs on any number of locations.

    What it knows of a location comes from a *location encoder* that reads the location's mean
    train window, never from a learned table with one row per location. That is what lets a model
    trained on few synthetic locations forecast many real ones.

    The work is cut in two, so that evaluation encodes the locations once and then streams
    windows through: ``predict(x, encode(mean_window))``.

    Attributes:
        Options: Hyper-parameters that the configuration may set.
        precision: Of a training step's products, "float32" or "bfloat16".
        summary: What it is, in a few words.
        source: Where it was published.
        capturable: Whether a training step on a GPU may be recorded and replayed
            (:mod:`stemdist_ray.training.captured`): what ``forward`` computes depends on the shapes
            of its arguments alone, all of it on the GPU, and nothing makes the host wait.
        widths: Options that say how wide the network is: a search over widths scales them together.
    """

    Options: ClassVar[type[ForecasterOptions]] = ForecasterOptions
    summary: ClassVar[str] = ""
    source: ClassVar[str] = ""
    capturable: ClassVar[bool] = False
    widths: ClassVar[tuple[str, ...]] = ()

    def __init__(self, shape: WindowShape) -> None:
        super().__init__()
        self.shape = shape
        self.precision = "float32"

    @abstractmethod
    def encode(self, mean_window: Tensor) -> Any:
        """Turn (N, L, F) mean windows into whatever ``predict`` needs to know of N locations."""

    @abstractmethod
    def predict(self, x: Tensor, state: Any) -> Tensor:
        """Forecast.

        Args:
            x: (W, L, N, F) float scaled inputs.
            state: What :meth:`encode` returned for the same N locations.

        Returns:
            (W, H, N) scaled forecasts.
        """

    def encode_with(self, mean_window: Tensor, graph: LocationGraph | None = None) -> Any:
        """The same with what is given besides, which a forecaster that takes no graph leaves alone.

        Args:
            mean_window: (N, L, F) mean windows.
            graph: Between the same N locations; needed where ``shape`` says so.
        """
        del graph
        return self.encode(mean_window)

    def forward(self, x: Tensor, mean_window: Tensor, graph: LocationGraph | None = None) -> Tensor:
        """Encode the locations and forecast: (W, L, N, F) and (N, L, F) to (W, H, N).

        This is what training calls. With ``precision`` = "bfloat16" the products of ``predict``
        are computed in bfloat16 (torch's autocast), and with them those of its gradients of any
        order. Which locations are neighbours is decided in float32: close strengths would tie.
        """
        state = self.encode_with(mean_window, graph)
        if self.precision == "float32":
            return self.predict(x, state)
        with torch.autocast(x.device.type, torch.bfloat16):
            return self.predict(x, state).to(x.dtype)

    def output_parameters(self) -> list[nn.Parameter]:
        """Weights that make every forecast zero when they are zero, and still learn from there.

        Empty where it is not known which these are: a gate does it then, see
        :mod:`stemdist_ray.forecasters.with_base`.
        """
        return []

    def activation_floats(self) -> int:
        """Roughly how many numbers a forward pass keeps per window and location.

        In train mode what the backward pass needs counts, in eval mode what is held at once.
        """
        return 64 * (self.shape.lookback * self.shape.num_features + self.shape.horizon)

    def num_parameters(self) -> int:
        """Number of trainable numbers."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)


class GraphForecaster(Forecaster):
    """A forecaster that can be given a graph of the locations.

    Where ``shape.graph`` is false it is built without one, and learns its own alone.
    """

    @abstractmethod
    def encode(self, mean_window: Tensor, graph: LocationGraph | None = None) -> Any:
        """Turn (N, L, F) mean windows and the graph between them into what ``predict`` needs."""

    def encode_with(self, mean_window: Tensor, graph: LocationGraph | None = None) -> Any:
        """Encode with the graph where the forecaster was built for one.

        Raises:
            ConfigError: It was, and there is none, or one of other locations.
        """
        if not self.shape.graph:
            return self.encode(mean_window)
        if graph is None or graph.num_locations != len(mean_window):
            found = "none" if graph is None else f"one of {graph.num_locations}"
            raise ConfigError(
                f"{type(self).__name__} was built for a graph of its {len(mean_window)} locations; "
                f"found {found}"
            )
        return self.encode(mean_window, graph)
