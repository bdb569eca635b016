"""The distilled data set as a folder that any Arrow reader understands.

Axis letters: W windows, L lookback, H horizon, K synthetic locations, N real locations,
F features.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.utils.data import TensorDataset

from stemdist_ray.config import DistillConfig
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.errors import ArtifactError
from stemdist_ray.files import replacing_file, write_json

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
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
        encoder_input: (N, L, F) float32 mean train window of each real location, scaled.
        scaler: Mean and std per feature, original units.
        manifest: Source, ratios, configuration, metrics, versions; see ``manifest.json``.
    """

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    cluster_size: npt.NDArray[np.int64]
    assignment: npt.NDArray[np.int64]
    location_ids: tuple[str, ...]
    coordinates: npt.NDArray[np.float64] | None
    encoder_input: npt.NDArray[np.float32]
    scaler: Scaler
    manifest: dict[str, Any]

    @property
    def config(self) -> DistillConfig:
        """The configuration the data set was distilled with."""
        return DistillConfig.model_validate(self.manifest["config"])

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
                encoder_input=self.encoder_input,
                location_ids=np.array(self.location_ids, dtype=np.str_),
                scaler_mean=np.array(self.scaler.mean),
                scaler_std=np.array(self.scaler.std),
            )
        return path

    def save(self, folder: str | Path, card: str) -> None:
        """Write the artifact; the manifest comes last, so a folder with one is complete.

        Args:
            folder: Where to write; other files there stay.
            card: The dataset card (Markdown), written as README.md.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        _write_table(folder / "synthetic.parquet", self._synthetic_table())
        clusters = {"cluster": np.arange(len(self.cluster_size)), "size": self.cluster_size}
        _write_table(folder / "clusters.parquet", pa.table(clusters))
        _write_table(folder / "locations.parquet", self._location_table())
        _write_table(folder / "encoder_input.parquet", self._encoder_table())
        with replacing_file(folder / "README.md") as aside:
            aside.write_text(card, encoding="utf-8")
        write_json(folder / MANIFEST, self.manifest)

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
                encoder_input=_tensor(encoder["mean_window"]),
                scaler=Scaler(tuple(manifest["scaler"]["mean"]), tuple(manifest["scaler"]["std"])),
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
                "mean_window": _tensor_column(self.encoder_input),
            }
        )


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check ``manifest.json``.

    Raises:
        ArtifactError: It is missing, damaged or of another schema version.
    """
    path = folder / MANIFEST
    if not folder.exists():
        raise ArtifactError(f"{folder} does not exist; expected a folder written by distill")
    if not path.exists():
        hint = "its run is not finished: go on with stemdist distill ... --resume"
        if not (folder / "checkpoint").exists():
            hint = "expected a folder written by stemdist distill"
        raise ArtifactError(f"{folder} holds no {MANIFEST}; {hint}")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = manifest.get("schema_version")
    except (OSError, ValueError, AttributeError) as error:
        raise ArtifactError(f"{path} is damaged: {error}") from error
    if version != SCHEMA_VERSION:
        raise ArtifactError(
            f"{path} has schema version {version}, this release reads {SCHEMA_VERSION}"
        )
    return manifest


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
