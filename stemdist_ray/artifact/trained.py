"""A trained forecaster on disk: weights, what it was built from, and how to scale.

Axis letters: W windows, L lookback, H horizon, N locations, F features.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.config.stored import upgrade_forecaster
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.errors import ArtifactError, DataError
from stemdist_ray.evaluation.predict import forecast_windows
from stemdist_ray.forecasters import build_forecaster
from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.system.files import replacing_folder

_VERSION = 2
# Parts of the names of weights that were other ones in version 1.
_RENAMED = {"enter": "input_projection", "leave": "output_projection"}
_ABOUT, _WEIGHTS, _MEAN_WINDOW = "model.json", "weights.pt", "context.npy"


@dataclass(frozen=True)
class TrainedForecaster:
    """A forecaster with all that turns recent readings into forecasts.

    Args:
        model: Trained, in eval mode.
        config: Name and options of the forecaster.
        scaler: Fitted on the train split.
        mean_window: (N, L, F) float32 mean train windows of the locations, scaled.
        location_ids: N ids, in the order of the inputs.
        feature_names: F names, in the order of the inputs.
        unit: Unit of the forecasts.
    """

    model: Forecaster
    config: ForecasterConfig
    scaler: Scaler
    mean_window: npt.NDArray[np.float32]
    location_ids: tuple[str, ...]
    feature_names: tuple[str, ...]
    unit: str

    def forecast(self, recent: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Forecast from recent readings.

        Args:
            recent: (L, N, F) readings in original units, or (W, L, N, F) for several windows; the
                last axis may be left out where F is 1. NaN = missing.

        Returns:
            (H, N) forecasts in original units, or (W, H, N).

        Raises:
            DataError: The readings have another shape.
        """
        shape = self.model.shape
        values = np.asarray(recent, dtype=np.float32)
        wanted = (shape.lookback, len(self.mean_window), shape.num_features)
        if shape.num_features == 1 and values.shape[-2:] == wanted[:2]:
            values = values[..., None]
        if values.ndim not in (3, 4) or values.shape[-3:] != wanted:
            raise DataError(
                f"recent readings have shape {np.shape(recent)}; expected (steps, locations, "
                f"features) = {wanted}, with windows in front where there are several"
            )
        scaled = np.nan_to_num(self.scaler.transform(values), nan=0.0)
        windows = scaled if values.ndim == 4 else scaled[None]
        out = self.scaler.inverse(
            forecast_windows(self.model, windows, self.mean_window), shape.target
        )
        return out if values.ndim == 4 else out[0]

    def save(self, folder: Path) -> None:
        """Write a folder; nothing in it is pickled code."""
        about = {
            "version": _VERSION,
            "forecaster": self.config.model_dump(mode="json"),
            "shape": asdict(self.model.shape),
            "scaler": {"mean": list(self.scaler.mean), "std": list(self.scaler.std)},
            "location_ids": list(self.location_ids),
            "feature_names": list(self.feature_names),
            "unit": self.unit,
        }
        with replacing_folder(folder) as aside:
            (aside / _ABOUT).write_text(json.dumps(about, indent=2), encoding="utf-8")
            np.save(aside / _MEAN_WINDOW, self.mean_window, allow_pickle=False)
            weights = {name: value.cpu() for name, value in self.model.state_dict().items()}
            torch.save(weights, aside / _WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> TrainedForecaster:
        """Read a folder.

        Raises:
            ArtifactError: It is not a trained forecaster, or damaged.
            ConfigError: Its forecaster is not registered here.
        """
        try:
            about: dict[str, Any] = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
            mean_window = np.load(folder / _MEAN_WINDOW, allow_pickle=False)
            weights: dict[str, Tensor] = torch.load(
                folder / _WEIGHTS, map_location="cpu", weights_only=True
            )
        except (OSError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0]
            raise ArtifactError(
                f"{folder} is not a trained forecaster or damaged: {reason}; train again"
            ) from error
        if about.get("version", 1) == 1:
            about["forecaster"] = upgrade_forecaster(about["forecaster"])
        config = ForecasterConfig.model_validate(about["forecaster"])
        model = build_forecaster(config, WindowShape(**about["shape"]))
        if about.get("version", 1) == 1:
            weights = _renamed(weights, set(model.state_dict()))
        model.load_state_dict(weights)
        return cls(
            model=model.eval(),
            config=config,
            scaler=Scaler(tuple(about["scaler"]["mean"]), tuple(about["scaler"]["std"])),
            mean_window=mean_window,
            location_ids=tuple(about["location_ids"]),
            feature_names=tuple(about["feature_names"]),
            unit=about["unit"],
        )


def _renamed(weights: dict[str, Tensor], wanted: set[str]) -> dict[str, Tensor]:
    """Weights of version 1 under today's names, where the forecaster has such."""
    renamed = {}
    for name, value in weights.items():
        todays = ".".join(_RENAMED.get(part, part) for part in name.split("."))
        renamed[todays if todays in wanted and name not in wanted else name] = value
    return renamed
