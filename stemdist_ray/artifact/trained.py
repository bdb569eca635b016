"""A trained forecaster on disk: weights, what it was built from, and how to scale.

Axis letters: W windows, L lookback, H horizon, N locations, F features of the readings, C calendar
columns.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stemdist_ray.artifact.base_files import load_base, save_base
from stemdist_ray.artifact.graph_files import load_graph, save_graph
from stemdist_ray.config import ForecasterConfig
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
from stemdist_ray.system.files import read_json, replacing_folder

_VERSION, _VERSION_WITH_GRAPH = 3, 4
# Parts of the names of weights that were other ones in version 1.
_RENAMED = {"enter": "input_projection", "leave": "output_projection"}
_ABOUT, _WEIGHTS, _MEAN_WINDOW = "model.json", "weights.pt", "context.npy"


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
            (aside / _ABOUT).write_text(json.dumps(about, indent=2), encoding="utf-8")
            np.save(aside / _MEAN_WINDOW, self.mean_window, allow_pickle=False)
            weights = {name: value.cpu() for name, value in self.model.state_dict().items()}
            torch.save(weights, aside / _WEIGHTS)
            if self.base is not None:
                save_base(aside, self.base)
            if self.graph is not None:
                save_graph(aside, self.graph)

    @classmethod
    def load(cls, folder: Path) -> TrainedForecaster:
        """Read a folder.

        Raises:
            ArtifactError: It is not a trained forecaster, or damaged.
            ConfigError: Its forecaster is not registered here.
        """
        try:
            about: dict[str, Any] = read_json(folder / _ABOUT)
            mean_window = np.load(folder / _MEAN_WINDOW, allow_pickle=False)
            weights: dict[str, Tensor] = torch.load(
                folder / _WEIGHTS, map_location="cpu", weights_only=True
            )
        except (OSError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0]
            raise ArtifactError(
                f"{folder} is not a trained forecaster or damaged: {reason}; train again"
            ) from error
        first = about.get("version", 1) == 1
        if first:
            about["forecaster"] = upgrade_forecaster(about["forecaster"])
        config = ForecasterConfig.model_validate(about["forecaster"])
        shape = WindowShape(**about["shape"])
        model = build_forecaster(config, shape)
        model.load_state_dict(_renamed(weights, set(model.state_dict())) if first else weights)
        return cls(
            model=model.eval(),
            config=config,
            rule=_rule(about, shape),
            mean_window=mean_window,
            location_ids=tuple(about["location_ids"]),
            unit=about["unit"],
            base=load_base(folder),
            graph=load_graph(folder, len(about["location_ids"])) if shape.graph else None,
        )


def _rule(about: dict[str, Any], shape: WindowShape) -> InputRule:
    """The rule of a folder; before version 3 covariates were features like others."""
    return InputRule(
        lookback=shape.lookback,
        horizon=shape.horizon,
        target=shape.target,
        num_locations=len(about["location_ids"]),
        feature_names=tuple(about["feature_names"]),
        scaler=Scaler(tuple(about["scaler"]["mean"]), tuple(about["scaler"]["std"])),
        season=SeasonRule(**about.get("season", {})),
        calendar=CalendarRule(tuple(about.get("calendar", ()))),
        sampling_seconds=about.get("sampling_seconds"),
    )


def _renamed(weights: dict[str, Tensor], wanted: set[str]) -> dict[str, Tensor]:
    """Weights of version 1 under today's names, where the forecaster has such."""
    renamed = {}
    for name, value in weights.items():
        todays = ".".join(_RENAMED.get(part, part) for part in name.split("."))
        renamed[todays if todays in wanted and name not in wanted else name] = value
    return renamed
