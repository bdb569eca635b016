"""A trained forecaster on disk: weights, what it was built from, and how to scale.

Axis letters: W windows, L lookback, H horizon, N locations, F features of the readings, C calendar
columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ValidationError, model_validator
from torch import Tensor

from stemdist_ray.artifact.base_files import load_base, save_base
from stemdist_ray.artifact.graph_files import load_graph, save_graph
from stemdist_ray.artifact.shapes import check_shapes
from stemdist_ray.config import ForecasterConfig, describe_validation_error
from stemdist_ray.config.stored import upgrade_forecaster
from stemdist_ray.data.covariates import CalendarRule
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.data.season import SeasonRule
from stemdist_ray.errors import ArtifactError
from stemdist_ray.evaluation.predict import forecast_windows
from stemdist_ray.forecasters import build_forecaster
from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.forecasters.closed_form.fit_base import FittedBase
from stemdist_ray.forecasters.closed_form.live import InputRule
from stemdist_ray.system.files import replacing_folder
from stemdist_ray.system.safetensors import from_safetensors, to_safetensors
from stemdist_ray.system.seal import file_hash, read_sealed, write_sealed
from stemdist_ray.system.torch_archives import read_archive

# Version 4 has hashes, 6 weights as safetensors; 5 and 7 a given graph besides.
_VERSION, _VERSION_WITH_GRAPH, _UNSEALED = 6, 7, (None, 1, 2, 3)
# Parts of the names of weights that were other ones in version 1.
_RENAMED = {"enter": "input_projection", "leave": "output_projection"}
_ABOUT, _WEIGHTS, _MEAN_WINDOW = "model.json", "weights.safetensors", "context.npy"
_WEIGHTS_BEFORE_6 = "weights.pt"


@dataclass(frozen=True)
class TrainedForecaster:
    """A forecaster with all that turns recent readings into forecasts.

    Args:
        model: Trained, in eval mode.
        config: Name and options of the forecaster.
        rule: How readings become inputs.
        mean_window: (N, L, F + C) float32 mean train windows of the locations, scaled.
        location_ids: N ids, in the order of the inputs.
        unit: Unit of the forecasts.
        base: What the network's forecasts are added to, None where it forecasts alone.
        graph: Between the N locations, None where the model was trained without one.
    """

    model: Forecaster
    config: ForecasterConfig
    rule: InputRule
    mean_window: npt.NDArray[np.float32]
    location_ids: tuple[str, ...]
    unit: str
    base: FittedBase | None = None
    graph: LocationGraph | None = None

    @property
    def feature_names(self) -> tuple[str, ...]:
        """F names, in the order of the inputs."""
        return self.rule.feature_names

    def forecast(
        self, recent: npt.ArrayLike, last_time: Any = None, last_step: Any = None
    ) -> npt.NDArray[np.float32]:
        """Forecast from recent readings.

        Args:
            recent: (L, N, F) readings in original units, or (W, L, N, F) for several windows; the
                last axis may be left out where F is 1. NaN = missing.
            last_time: Time stamp of the last reading, one per window: needed where calendar or
                season follow from time stamps.
            last_step: Number of the last reading, counted from the first step of the source:
                needed where the season is a number of steps (``data.season``).

        Returns:
            (H, N) forecasts in original units, or (W, H, N).

        Raises:
            DataError: The readings have another shape, or their time is needed and missing.
        """
        season = self.base is not None and self.base.needs_season
        live = self.rule.windows(recent, last_time, last_step, season)
        if self.base is not None:
            live = live.with_base(self.base)
        batch = live.series.batch(live.starts)
        scaled = forecast_windows(self.model, batch.x.numpy(), self.mean_window, graph=self.graph)
        if batch.base is not None:
            scaled = scaled + batch.base.numpy()
        out = self.rule.scaler.inverse(scaled, self.rule.target)
        return out if self.rule.several(recent) else out[0]

    def save(self, folder: Path) -> None:
        """Write a folder; nothing in it is pickled code."""
        rule = self.rule
        about = {
            "version": _VERSION if self.graph is None else _VERSION_WITH_GRAPH,
            "forecaster": self.config.model_dump(mode="json"),
            "shape": self.model.shape.to_json(),
            "scaler": {"mean": list(rule.scaler.mean), "std": list(rule.scaler.std)},
            "season": rule.season.to_json(),
            "calendar": list(rule.calendar.columns),
            "sampling_seconds": rule.sampling_seconds,
            "location_ids": list(self.location_ids),
            "feature_names": list(self.feature_names),
            "unit": self.unit,
        }
        with replacing_folder(folder) as aside:
            np.save(aside / _MEAN_WINDOW, self.mean_window, allow_pickle=False)
            (aside / _WEIGHTS).write_bytes(to_safetensors(self.model.state_dict()))
            if self.base is not None:
                save_base(aside, self.base)
            if self.graph is not None:
                save_graph(aside, self.graph)
            write_sealed(aside / _ABOUT, about, [path.name for path in aside.iterdir()])

    @classmethod
    def load(cls, folder: Path) -> TrainedForecaster:
        """Read a folder.

        Raises:
            ArtifactError: It is not a trained forecaster, or damaged.
            ConfigError: Its forecaster is not registered here.
        """
        try:
            tree = read_sealed(folder / _ABOUT, "train again", unsealed=_UNSEALED)
            about = _About.model_validate(tree)
            mean_window = np.load(folder / _MEAN_WINDOW, allow_pickle=False)
            weights = _weights(folder, about.version)
        except ValidationError as error:
            reason = describe_validation_error(error).removeprefix("configuration: ")
            raise ArtifactError(f"{folder / _ABOUT} is damaged: {reason}; train again") from error
        except (OSError, EOFError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ArtifactError(
                f"{folder} is not a trained forecaster or damaged: {reason}; train again"
            ) from error
        sizes = {
            "N": len(about.location_ids),
            "L": about.shape.lookback,
            "F+C": about.shape.num_features,
        }
        check_shapes({"mean_window: N L F+C": mean_window}, sizes, str(folder))
        model = build_forecaster(about.forecaster, about.shape)
        first = about.version == 1
        try:
            model.load_state_dict(_renamed(weights, set(model.state_dict())) if first else weights)
        except (RuntimeError, TypeError, AttributeError) as error:
            raise ArtifactError(
                f"the weights in {folder} are not those of {about.forecaster.name} as model.json "
                "describes it; train again"
            ) from error
        return cls(
            model=model.eval(),
            config=about.forecaster,
            rule=about.rule(),
            mean_window=mean_window,
            location_ids=about.location_ids,
            unit=about.unit,
            base=load_base(folder),
            graph=load_graph(folder, len(about.location_ids)) if about.shape.graph else None,
        )


class _About(BaseModel):
    """What ``model.json`` holds; before version 3 covariates were features like others."""

    version: int = 1
    forecaster: ForecasterConfig
    shape: WindowShape
    scaler: Scaler
    season: SeasonRule = SeasonRule()
    calendar: tuple[str, ...] = ()
    sampling_seconds: float | None = None
    location_ids: tuple[str, ...]
    feature_names: tuple[str, ...]
    unit: str

    @model_validator(mode="before")
    @classmethod
    def _upgraded(cls, tree: Any) -> Any:
        """Options of forecasters that had other names in version 1."""
        if isinstance(tree, dict) and tree.get("version", 1) == 1 and "forecaster" in tree:
            return {**tree, "forecaster": upgrade_forecaster(tree["forecaster"])}
        return tree

    def rule(self) -> InputRule:
        """How readings become inputs."""
        return InputRule(
            lookback=self.shape.lookback,
            horizon=self.shape.horizon,
            target=self.shape.target,
            num_locations=len(self.location_ids),
            feature_names=self.feature_names,
            scaler=self.scaler,
            season=self.season,
            calendar=CalendarRule(self.calendar),
            sampling_seconds=self.sampling_seconds,
        )


def _weights(folder: Path, version: int) -> dict[str, Tensor]:
    if version >= _VERSION:
        return from_safetensors((folder / _WEIGHTS).read_bytes())[0]
    weights = read_archive((folder / _WEIGHTS_BEFORE_6).read_bytes())
    if not isinstance(weights, dict):
        raise ValueError(f"{_WEIGHTS_BEFORE_6} holds no weights by name")
    return weights


def _renamed(weights: dict[str, Tensor], wanted: set[str]) -> dict[str, Tensor]:
    """Weights of version 1 under today's names, where the forecaster has such."""
    renamed = {}
    for name, value in weights.items():
        todays = ".".join(_RENAMED.get(part, part) for part in name.split("."))
        renamed[todays if todays in wanted and name not in wanted else name] = value
    return renamed


def trained_hash(folder: Path) -> str:
    """Which forecaster a folder holds: the sha256 of the file that vouches for all others."""
    return file_hash(folder / _ABOUT)
