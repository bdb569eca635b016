"""The distilled data set as a folder that any Arrow reader understands.

Axis letters: W windows, L lookback, H horizon, K synthetic locations, N real locations,
F features.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.utils.data import TensorDataset

from stemdist_ray.artifact.card import dataset_card
from stemdist_ray.artifact.manifest import MANIFEST, Manifest, read_manifest
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.errors import ArtifactError
from stemdist_ray.system.files import replacing_file, write_json, write_text

EVALUATION = "evaluation.json"
CROSS_EVALUATION = "cross_architecture.json"
EXAMPLES = "examples.npz"


@dataclass(frozen=True)
class SyntheticDataset:
    """A distilled data set with all that training and forecasting need.

    Args:
        x: (W, L, K, F) float32 synthetic inputs, scaled.
        y: (W, H, K) float32 synthetic targets, scaled.
        cluster_size: (K,) int64 real locations behind each synthetic one.
        assignment: (N,) int64 cluster of each real location.
        location_ids: N ids.
        coordinates: (N, 2) float64 or None.
        mean_window: (N, L, F) float32 mean train window of each real location, scaled; the location
            encoders of forecasters read it (``encoder_input.parquet``).
        scaler: Mean and std per feature, original units.
        manifest: Source, ratios, configuration, metrics, versions; see ``manifest.json``.
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

    @property
    def config(self) -> DistillConfig:
        """The configuration the data set was distilled with."""
        return self.manifest.config

    @property
    def num_bytes(self) -> int:
        """Bytes of x and y in memory."""
        return int(self.x.nbytes + self.y.nbytes)

    def to_torch(self) -> TensorDataset:
        """Return a torch data set of (x, y) pairs: (L, K, F) and (H, K) float32, scaled."""
        return TensorDataset(torch.from_numpy(self.x.copy()), torch.from_numpy(self.y.copy()))

    def to_npz(self, path: str | Path) -> Path:
        """Write x, y, cluster_size, assignment, encoder_input and scaler as one NPZ file."""
        path = Path(path)
        with replacing_file(path) as aside, aside.open("wb") as file:
            np.savez(
                file,
                x=self.x,
                y=self.y,
                cluster_size=self.cluster_size,
                assignment=self.assignment,
                encoder_input=self.mean_window,
                location_ids=np.array(self.location_ids, dtype=np.str_),
                scaler_mean=np.array(self.scaler.mean),
                scaler_std=np.array(self.scaler.std),
            )
        return path

    def save(self, folder: str | Path) -> None:
        """Write the artifact; the manifest comes last, so a folder with one is complete.

        Args:
            folder: Where to write; other files there stay.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _write_table(folder / "synthetic.parquet", self._synthetic_table())
        clusters = {"cluster": np.arange(len(self.cluster_size)), "size": self.cluster_size}
        _write_table(folder / "clusters.parquet", pa.table(clusters))
        _write_table(folder / "locations.parquet", self._location_table())
        _write_table(folder / "encoder_input.parquet", self._encoder_table())
        write_text(folder / "README.md", dataset_card(self.manifest))
        write_json(folder / MANIFEST, self.manifest.to_json())

    @classmethod
    def load(cls, folder: str | Path) -> SyntheticDataset:
        """Read an artifact.

        Raises:
            ArtifactError: The folder is not a complete artifact of this schema version.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        try:
            synthetic = pq.read_table(folder / "synthetic.parquet")
            clusters = pq.read_table(folder / "clusters.parquet")
            locations = pq.read_table(folder / "locations.parquet")
            encoder = pq.read_table(folder / "encoder_input.parquet")
            names = locations.column_names
            coordinates = None
            if "coordinate_0" in names:
                pair = [locations[f"coordinate_{i}"].to_numpy() for i in (0, 1)]
                coordinates = np.stack(pair, axis=1)
            return cls(
                x=_tensor(synthetic["x"]),
                y=_tensor(synthetic["y"]),
                cluster_size=clusters["size"].to_numpy(),
                assignment=locations["cluster"].to_numpy(),
                location_ids=tuple(locations["id"].to_pylist()),
                coordinates=coordinates,
                mean_window=_tensor(encoder["mean_window"]),
                scaler=Scaler(manifest.scaler.mean, manifest.scaler.std),
                manifest=manifest,
            )
        except (OSError, KeyError, pa.ArrowException) as error:
            raise ArtifactError(f"{folder} is damaged: {error}") from error

    def _synthetic_table(self) -> pa.Table:
        return pa.table(
            {
                "window": np.arange(len(self.x)),
                "x": _tensor_column(self.x),
                "y": _tensor_column(self.y),
            }
        )

    def _location_table(self) -> pa.Table:
        columns: dict[str, Any] = {
            "id": pa.array(self.location_ids, pa.string()),
            "cluster": self.assignment,
        }
        if self.coordinates is not None:
            columns |= {f"coordinate_{i}": self.coordinates[:, i] for i in (0, 1)}
        return pa.table(columns)

    def _encoder_table(self) -> pa.Table:
        return pa.table(
            {
                "id": pa.array(self.location_ids, pa.string()),
                "mean_window": _tensor_column(self.mean_window),
            }
        )


def _tensor_column(array: npt.NDArray[np.float32]) -> pa.ExtensionArray:
    return pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(array))


def _tensor(column: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.chunk(0)
    array: npt.NDArray[np.float32] = whole.to_numpy_ndarray()
    return array.copy()


def _write_table(path: Path, table: pa.Table) -> None:
    with replacing_file(path) as aside:
        pq.write_table(table, aside, compression="zstd")
