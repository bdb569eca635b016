"""The distilled data set as a folder that any Arrow reader understands.

Axis letters: W windows, L lookback, H horizon, K synthetic locations, N real locations,
F features, C calendar columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.utils.data import TensorDataset

from stemdist_ray.artifact.base_files import load_base, save_base
from stemdist_ray.artifact.card import dataset_card
from stemdist_ray.artifact.croissant import CROISSANT, croissant
from stemdist_ray.artifact.dataset_tables import (
    encoder_table,
    known_parts,
    location_table,
    optional_column,
    synthetic_table,
)
from stemdist_ray.artifact.generation import (
    CARD,
    CROSS_EVALUATION,
    EVALUATION,
    MANIFEST,
    generation,
    locate,
    next_generation,
)
from stemdist_ray.artifact.manifest import Manifest, read_manifest
from stemdist_ray.artifact.shapes import check_dataset
from stemdist_ray.artifact.teacher_files import load_teacher, save_teacher
from stemdist_ray.artifact.tensors import read_tensor, write_table
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.covariates import CalendarRule
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.distillation.members import Teacher
from stemdist_ray.distillation.state import KnownParts
from stemdist_ray.errors import ArtifactError
from stemdist_ray.forecasters.closed_form.fit_base import FittedBase
from stemdist_ray.forecasters.closed_form.live import InputRule, LiveBase
from stemdist_ray.system.files import replacing_file, write_json, write_text
from stemdist_ray.system.points import reached
from stemdist_ray.system.seal import write_sealed

__all__ = ["CROSS_EVALUATION", "EVALUATION", "EXAMPLES", "SyntheticDataset"]

EXAMPLES = "examples.npz"


_TRIES = 5


@dataclass(frozen=True)
class SyntheticDataset:
    """A distilled data set with all that training and forecasting need.

    Args:
        x: (W, L, K, F) float32 synthetic inputs, scaled, without calendar.
        y: (W, H, K) float32 synthetic targets, scaled, the base included.
        cluster_size: (K,) int64 real locations behind each synthetic one.
        assignment: (N,) int64 cluster of each real location.
        location_ids: N ids.
        coordinates: (N, 2) float64 or None.
        mean_window: (N, L, F + C) float32 mean train window of each real location, scaled; the
            location encoders of forecasters read it (``encoder_input.parquet``).
        scaler: Mean and std per feature, original units.
        manifest: Source, ratios, configuration, metrics, versions; see ``manifest.json``.
        known: Calendar of the windows, what the base adds to its map of their lags, and how much
            each window counts in a loss where they do not count the same.
        fitted_base: The base itself, None without one.
        teacher: The networks that gave the targets, None without a teacher.
        medoids: (K,) int64 the real location nearest to the centre of each cluster, or None.
        weights: (K,) float64 how much each synthetic location counts in a loss; None = as the
            locations behind it are.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    cluster_size: npt.NDArray[np.int64]
    assignment: npt.NDArray[np.int64]
    location_ids: tuple[str, ...]
    coordinates: npt.NDArray[np.float64] | None
    mean_window: npt.NDArray[np.float32]
    scaler: Scaler
    manifest: Manifest
    known: KnownParts = field(default_factory=KnownParts)
    fitted_base: FittedBase | None = None
    teacher: Teacher | None = None
    medoids: npt.NDArray[np.int64] | None = None
    weights: npt.NDArray[np.float64] | None = None

    @property
    def base(self) -> LiveBase:
        """The base, ready to forecast from recent readings.

        Raises:
            ArtifactError: The data set was distilled without one.
        """
        if self.fitted_base is None:
            raise ArtifactError(
                "the data set has no base: it was distilled with base=none, or by an older release"
            )
        return LiveBase(self.rule, self.fitted_base)

    @property
    def rule(self) -> InputRule:
        """How readings become the inputs of forecasters."""
        about = self.manifest
        return InputRule(
            lookback=about.size.lookback,
            horizon=about.size.horizon,
            target=about.target.position,
            num_locations=len(self.location_ids),
            feature_names=about.scaler.features,
            scaler=self.scaler,
            season=about.season,
            calendar=CalendarRule(about.calendar),
            sampling_seconds=about.source.sampling_seconds,
        )

    @property
    def clustering(self) -> Clustering:
        """Which location belongs to which cluster."""
        inertia = self.manifest.result.inertia
        return Clustering(self.assignment, self.cluster_size, inertia, self.medoids, self.weights)

    @property
    def config(self) -> DistillConfig:
        """The configuration the data set was distilled with."""
        return self.manifest.config

    @property
    def num_bytes(self) -> int:
        """Bytes of x and y in memory."""
        return int(self.x.nbytes + self.y.nbytes)

    def inputs(self) -> npt.NDArray[np.float32]:
        """What a forecaster reads: (W, L, K, F + C) float32, scaled, calendar last."""
        return self.known.inputs(self.x)

    def residual(self) -> npt.NDArray[np.float32]:
        """What the base leaves of the targets: (W, H, K) float32, scaled."""
        return self.known.residual(self.x, self.y)

    def to_torch(self, residual: bool = False) -> TensorDataset:
        """Return a torch data set of (inputs, targets) pairs: (L, K, F + C) and (H, K), scaled.

        Args:
            residual: Give what the base leaves of the targets: what a network learns that is
                added to ``base.forecast(..., scaled=True)``.

        Raises:
            ArtifactError: Residuals are asked for and there is no base.
        """
        if residual and self.fitted_base is None:
            raise ArtifactError("to_torch(residual=True) needs a base; distil with a base")
        y = self.residual() if residual else self.y
        return TensorDataset(torch.tensor(self.inputs()), torch.tensor(y))

    def to_npz(self, path: str | Path) -> Path:
        """Write inputs, targets, residuals, clusters, encoder_input and scaler as one NPZ file.

        ``location_weights`` (K,) is how much a synthetic location counts in a loss,
        ``window_weights`` (W,), where windows differ, how much a window does.
        """
        path = Path(path)
        with replacing_file(path) as aside, aside.open("wb") as file:
            np.savez(file, **self._arrays())  # type: ignore[arg-type]
        return path

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        more: dict[str, npt.NDArray[Any]] = {}
        if self.known.calendar is not None:
            more["inputs"] = self.inputs()
        if self.known.weights is not None:
            more["window_weights"] = self.known.weights
        if self.fitted_base is not None:
            more["residual"] = self.residual()
        return more | {
            "x": self.x,
            "y": self.y,
            "cluster_size": self.cluster_size,
            "location_weights": self.clustering.loss_weights,
            "assignment": self.assignment,
            "encoder_input": self.mean_window,
            "location_ids": np.array(self.location_ids, dtype=np.str_),
            "scaler_mean": np.array(self.scaler.mean),
            "scaler_std": np.array(self.scaler.std),
        }

    def save(self, folder: str | Path, *more: Callable[[Path], None]) -> None:
        """Write the artifact aside, then move it in place; the manifest comes last.

        Args:
            folder: Where to write; other files there stay, but evaluations and the report of a
                data set that was there before move to ``stale/``.
            *more: Each is given a folder and writes further files of the artifact.
        """
        with next_generation(Path(folder)) as aside:
            for write in more:
                write(aside)
            self._write(aside)

    def _write(self, folder: Path) -> None:
        write_table(folder / "synthetic.parquet", synthetic_table(self.x, self.y, self.known))
        clusters: dict[str, npt.NDArray[Any]] = {
            "cluster": np.arange(len(self.cluster_size)),
            "size": self.cluster_size,
        }
        if self.medoids is not None:
            clusters["medoid"] = self.medoids
        if self.weights is not None:
            clusters["weight"] = self.weights
        write_table(folder / "clusters.parquet", pa.table(clusters))
        reached("data set half written")
        write_table(
            folder / "locations.parquet",
            location_table(self.location_ids, self.assignment, self.coordinates),
        )
        write_table(
            folder / "encoder_input.parquet", encoder_table(self.location_ids, self.mean_window)
        )
        if self.fitted_base is not None:
            save_base(folder, self.fitted_base)
        if self.teacher is not None:
            save_teacher(folder, self.teacher)
        names = [path.name for path in folder.iterdir()]
        write_json(folder / CROISSANT, croissant(self.manifest, folder, names))
        write_text(folder / CARD, dataset_card(self.manifest))
        names = [path.name for path in folder.iterdir()]
        write_sealed(folder / MANIFEST, self.manifest.to_json(), names)

    @classmethod
    def load(cls, folder: str | Path) -> SyntheticDataset:
        """Read an artifact.

        Raises:
            ArtifactError: The folder is not a complete artifact of a known schema version, or a
                file is not as it was written.
        """
        folder = Path(folder)
        for _ in range(_TRIES):
            before = generation(folder)
            try:
                dataset = cls._read(folder)
                check_dataset(dataset, folder)
                return dataset
            except (ArtifactError, FileNotFoundError):
                # A run may have replaced it while it was read.
                if generation(folder) == before:
                    raise
        raise ArtifactError(f"{folder} was replaced again and again while it was read; try again")

    @classmethod
    def _read(cls, folder: Path) -> SyntheticDataset:
        manifest, at = read_manifest(folder), partial(locate, folder)
        try:
            synthetic = pq.read_table(at("synthetic.parquet"))
            clusters = pq.read_table(at("clusters.parquet"))
            locations = pq.read_table(at("locations.parquet"))
            encoder = pq.read_table(at("encoder_input.parquet"))
            names, fitted = locations.column_names, load_base(folder, at)
            coordinates = None
            if "coordinate_0" in names:
                pair = [locations[f"coordinate_{i}"].to_numpy() for i in (0, 1)]
                coordinates = np.stack(pair, axis=1)
            return cls(
                x=read_tensor(synthetic["x"]),
                y=read_tensor(synthetic["y"]),
                cluster_size=clusters["size"].to_numpy(),
                assignment=locations["cluster"].to_numpy(),
                location_ids=tuple(locations["id"].to_pylist()),
                coordinates=coordinates,
                mean_window=read_tensor(encoder["mean_window"]),
                scaler=Scaler(manifest.scaler.mean, manifest.scaler.std),
                manifest=manifest,
                known=known_parts(synthetic, fitted),
                fitted_base=fitted,
                teacher=load_teacher(folder, at),
                medoids=optional_column(clusters, "medoid"),
                weights=optional_column(clusters, "weight"),
            )
        except (OSError, LookupError, TypeError, ValueError, pa.ArrowException) as error:
            raise ArtifactError(f"{folder} is damaged: {error}") from error
