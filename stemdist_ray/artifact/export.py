"""A distilled data set in the formats of other libraries.

Axis letters: W windows, L lookback, H horizon, K synthetic locations, F features, C calendar
columns.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.artifact.tensors import write_table
from stemdist_ray.errors import ArtifactError, ConfigError
from stemdist_ray.registry import Registry
from stemdist_ray.system.files import replacing_folder, write_json
from stemdist_ray.system.outputs import check_local, check_writable, move_aside

logger = logging.getLogger(__name__)

_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Format:
    """Where a data set can go.

    Args:
        suffix: Of the file, "" where it is a folder.
        write: Writes the data set to a path that does not exist.
    """

    suffix: str
    write: Callable[[SyntheticDataset, Path], object]


FORMATS: Registry[Format] = Registry("export format")


def export(
    data: SyntheticDataset | str | Path,
    to: str,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write a distilled data set in the format of another library.

    Args:
        data: The data set, or the folder of one.
        to: ``npz`` (arrays, scaled), ``basicts`` (a folder as BasicTS 1.1 reads it) or
            ``neuralforecast`` (a folder with long tables); the last two in original units.
        out: File or folder to write; beside the folder of ``data`` unless given.
        overwrite: Move what is there aside to ``<out>.previous`` first.

    Returns:
        What was written.

    Raises:
        ArtifactError: The data set is damaged, or ``out`` is taken or cannot be written.
        ConfigError: There is no such format, or ``out`` is no place for it.
    """
    form = FORMATS.get(to)
    folder = None if isinstance(data, SyntheticDataset) else Path(data)
    if out is not None:
        path = Path(out)
    elif folder is not None:
        here = folder.absolute()
        path = here.with_name(here.name + (form.suffix or f"-{to}"))
    else:
        raise ConfigError("out is missing; say where to write a data set that has no folder")
    if form.suffix and path.is_dir():
        raise ConfigError(f"out is {path}, a folder; {to} is one file: give its name")
    _check_place(path, folder, overwrite)
    dataset = data if isinstance(data, SyntheticDataset) else SyntheticDataset.load(data)
    if overwrite and _holds_something(path):
        move_aside(path)
    form.write(dataset, path)
    return path


def _check_place(path: Path, folder: Path | None, overwrite: bool) -> None:
    check_local(path)
    if folder is not None and folder.resolve().is_relative_to(path.resolve()):
        raise ConfigError(f"out is {path}, where the data set is; give another place")
    if folder is not None and path.exists() and path.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"out is {path}, which may be part of the data set itself; give another place"
        )
    if _holds_something(path) and not overwrite:
        raise ArtifactError(
            f"{path} exists already; choose another `out`, or move it aside with overwrite=True"
        )
    check_writable(path.parent)


def _holds_something(path: Path) -> bool:
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _series(data: SyntheticDataset) -> npt.NDArray[np.float32]:
    """Inputs and targets one after another: (W, L + H, K), original units."""
    target = data.manifest.target.position
    whole = np.concatenate([data.x[..., target], data.y], axis=1)
    return data.scaler.inverse(whole, target)


def _window_weights(data: SyntheticDataset) -> npt.NDArray[Any]:
    """How much each window counts in a loss: (W,), mean 1."""
    return np.ones(len(data.x)) if data.known.weights is None else data.known.weights


def _say_left_out(names: list[str], to: str) -> None:
    if names:
        logger.warning(
            "%s has no place for %s; forecasters trained on it do without", to, ", ".join(names)
        )


def _about(data: SyntheticDataset) -> dict[str, Any]:
    """What any reader of an export should know."""
    manifest = data.manifest
    return {
        "made_of": f"a distilled (synthetic) data set of {manifest.source.name}",
        "source_hash": manifest.source.hash,
        "windows": manifest.size.windows,
        "input_steps": manifest.size.lookback,
        "output_steps": manifest.size.horizon,
        "unit": manifest.target.unit,
        "real_mean": data.scaler.mean[manifest.target.position],
        "real_std": data.scaler.std[manifest.target.position],
    }


def _write_npz(data: SyntheticDataset, path: Path) -> None:
    data.to_npz(path)


def _write_basicts(data: SyntheticDataset, path: Path) -> None:
    """A folder as BasicTS 1.1 reads it: ``train_data.npy`` (W (L + H), K), original units.

    The windows follow each other; every (L + H)-th sample is one of them, the others would
    straddle two. The distilled data are for training: the arrays of the other two splits are empty.
    """
    series = _series(data)
    windows, length, places = series.shape
    features = data.manifest.scaler.features
    others = [name for i, name in enumerate(features) if i != data.manifest.target.position]
    left_out = [*others, *data.manifest.calendar]
    _say_left_out(left_out, "BasicTS")
    seconds = data.manifest.source.sampling_seconds
    frequency = {} if seconds is None else {"frequency (minutes)": seconds / 60}
    about = {
        "name": f"{data.manifest.source.name} distilled",
        "shape": [windows * length, places],
        "num_time_steps": windows * length,
        "num_vars": places,
        "feature_description": [data.manifest.target.name],
        **frequency,
        "regular_settings": {"train_val_test_ratio": [1.0, 0.0, 0.0], "null_val": None},
        "distilled": {
            **_about(data),
            "sample_step": length,
            "note": (
                f"Only samples 0, {length}, {2 * length}, ... are windows; others straddle two: "
                f"train on torch.utils.data.Subset(dataset, range(0, len(dataset), {length})). "
                "Weight the loss of a location by location_weights.npy, that of a window by "
                "window_weights.npy. Validation and test are empty: take real readings."
            ),
            "left_out": left_out,
        },
    }
    with replacing_folder(path) as aside:
        for split in _SPLITS:
            part = series if split == "train" else series[:0]
            np.save(aside / f"{split}_data.npy", part.reshape(-1, places), allow_pickle=False)
        np.save(aside / "location_weights.npy", data.clustering.loss_weights, allow_pickle=False)
        np.save(aside / "window_weights.npy", _window_weights(data), allow_pickle=False)
        write_json(aside / "meta.json", about)


def _write_neuralforecast(data: SyntheticDataset, path: Path) -> None:
    """A folder with ``train.parquet``, ``static.parquet`` and ``settings.json``, original units.

    A series per window and synthetic location, L + H long, so that a model with ``input_size`` L,
    ``h`` H and ``step_size`` L + H sees the windows and nothing else.
    """
    series = _series(data)
    windows, length, places = series.shape
    lookback = data.manifest.size.lookback
    width = [len(str(count - 1)) for count in (windows, places)]
    names = [f"{w:0{width[0]}}/{k:0{width[1]}}" for w in range(windows) for k in range(places)]
    columns: dict[str, Any] = {
        "unique_id": pa.array(names).take(pa.array(np.repeat(np.arange(len(names)), length))),
        "ds": np.tile(np.arange(1, length + 1), len(names)),
        "y": series.transpose(0, 2, 1).ravel(),
    }
    weights = data.clustering.loss_weights / np.mean(data.clustering.loss_weights)
    both = np.outer(_window_weights(data), weights).astype(np.float32)  # (W, K)
    columns["sample_weight"] = np.repeat(both.ravel(), length)
    exogenous = _exogenous(data, columns)
    columns |= exogenous
    static = {
        "unique_id": names,
        "window": np.repeat(np.arange(windows), places),
        "cluster": np.tile(np.arange(places), windows),
        "cluster_size": np.tile(data.cluster_size, windows),
    }
    about = {
        "model": {
            "h": length - lookback,
            "input_size": lookback,
            "step_size": length,
            "start_padding_enabled": False,
            "hist_exog_list": list(exogenous),
        },
        "freq": 1,
        "distilled": {
            **_about(data),
            "note": (
                "Give `model` to the model and `freq` to NeuralForecast, and fit with val_size=0: "
                "it then sees the windows and nothing that straddles. Steps are numbered from 1 "
                "in every window. Models without exogenous inputs take no hist_exog_list. "
                "sample_weight, which releases from 3.3 on heed, is high where a synthetic "
                "location, or a window, stands for many real ones (static.parquet)."
            ),
        },
    }
    with replacing_folder(path) as aside:
        write_table(aside / "train.parquet", pa.table(columns))
        write_table(aside / "static.parquet", pa.table(static))
        write_json(aside / "settings.json", about)


def _exogenous(data: SyntheticDataset, taken: Collection[str]) -> dict[str, Any]:
    """All inputs but the target as columns, original units, by names that are not yet taken."""
    known, found = data.inputs(), {}
    for i, title in enumerate((*data.manifest.scaler.features, *data.manifest.calendar)):
        if i == data.manifest.target.position:
            continue
        values = known[..., i]
        if i < len(data.scaler.mean):
            values = data.scaler.inverse(values, i)
        # Nothing reads them where the targets are, but they must be numbers.
        filled = np.repeat(values[:, -1:], data.manifest.size.horizon, axis=1)
        whole = np.concatenate([values, filled], axis=1)
        while title in taken or title in found:
            title += "_input"
        found[title] = whole.transpose(0, 2, 1).ravel()
    return found


FORMATS.register("npz")(Format(".npz", _write_npz))
FORMATS.register("basicts")(Format("", _write_basicts))
FORMATS.register("neuralforecast")(Format("", _write_neuralforecast))
