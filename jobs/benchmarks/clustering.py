"""Clustering the raw series with weighted steps against clustering flattened windows.

Axis letters: T steps, W windows, L lookback, N locations, K clusters.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from jobs.benchmarks.timing import peak_in_fresh_process
from stemdist_ray.clustering.kmeans import cluster_locations
from stemdist_ray.clustering.vectors import location_vectors
from stemdist_ray.config import ClusteringConfig
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.progress import Reporter

LOOKBACK, HORIZON = 12, 12


@dataclass(frozen=True)
class ClusteringCase:
    """One size.

    Args:
        locations: N.
        steps: T.
        clusters: K.
        iterations: Lloyd iterations at most.
        compare: Whether flattened windows take part (they need L times the memory).
    """

    locations: int
    steps: int
    clusters: int
    iterations: int
    compare: bool

    @property
    def name(self) -> str:
        """E.g. "2000x8000 clustering"."""
        return f"{self.locations}x{self.steps} clustering"


COMPARED = ClusteringCase(2000, 8000, 200, 30, compare=True)
YEAR = ClusteringCase(8600, 35040, 860, 10, compare=False)


@dataclass(frozen=True)
class ClusteringResult:
    """What one case took.

    Args:
        name: Of the case.
        series_mib: Size of the series itself.
        seconds: Vectors and k-means on the weighted raw series.
        peak_mib: Peak of a process that holds the series and clusters it.
        idle_mib: Memory of such a process with the libraries loaded and nothing done.
        inertia: Sum of squared distances.
        flat_seconds: The same on flattened windows, None where they took no part.
        flat_peak_mib: Their peak.
        flat_inertia: Their inertia.
        same_labels: Whether both gave every location the same cluster.
    """

    name: str
    series_mib: float
    seconds: float
    peak_mib: float
    idle_mib: float
    inertia: float
    flat_seconds: float | None = None
    flat_peak_mib: float | None = None
    flat_inertia: float | None = None
    same_labels: bool | None = None


@dataclass(frozen=True)
class _Run:
    labels: npt.NDArray[np.int64]
    inertia: float
    seconds: float


def run_clustering(case: ClusteringCase, reporter: Reporter) -> ClusteringResult:
    """Cluster one series both ways from the same start, and measure memory in fresh processes."""
    idle, peak = peak_in_fresh_process(_nothing), peak_in_fresh_process(weighted, case)
    ours = weighted(case)
    reporter.say(f"{case.name}, weighted raw series: {ours.seconds:.1f} s")
    size = 4 * case.locations * case.steps / 2**20
    if not case.compare:
        return ClusteringResult(case.name, size, ours.seconds, peak, idle, ours.inertia)
    theirs = flattened(case)
    reporter.say(f"{case.name}, flattened windows: {theirs.seconds:.1f} s")
    return ClusteringResult(
        name=case.name,
        series_mib=size,
        seconds=ours.seconds,
        peak_mib=peak,
        idle_mib=idle,
        inertia=ours.inertia,
        flat_seconds=theirs.seconds,
        flat_peak_mib=peak_in_fresh_process(flattened, case),
        flat_inertia=theirs.inertia,
        same_labels=bool(np.array_equal(ours.labels, theirs.labels)),
    )


def simulated(case: ClusteringCase) -> WindowedSeries:
    """Daily profiles of a few kinds of locations plus noise; float32, no copies of that size."""
    rng = np.random.default_rng(0)
    step = np.arange(case.steps, dtype=np.float32)[:, None]
    kinds = rng.uniform(0, 2 * np.pi, (1, case.clusters)).astype(np.float32)
    profile = np.sin(step * np.float32(2 * np.pi / 96) + kinds)
    values = rng.standard_normal((case.steps, case.locations), dtype=np.float32)
    values *= 0.5
    for first in range(0, case.steps, 1024):
        rows = slice(first, first + 1024)
        values[rows] += profile[rows][:, np.arange(case.locations) % case.clusters]
    return WindowedSeries(values[:, :, None], None, 0, LOOKBACK, HORIZON)


def weighted(case: ClusteringCase) -> _Run:
    """The library's way."""
    series, begun = simulated(case), time.perf_counter()
    return _cluster(location_vectors(series, _starts(case)), case, begun)


def flattened(case: ClusteringCase) -> _Run:
    """All windows of each location, as the paper describes it, through the same k-means."""
    series, begun = simulated(case), time.perf_counter()
    windows = np.lib.stride_tricks.sliding_window_view(series.inputs[:, :, 0], LOOKBACK, axis=0)
    flat = windows[_starts(case)].transpose(1, 0, 2).reshape(case.locations, -1)
    return _cluster(flat, case, begun)


def _cluster(vectors: npt.NDArray[np.float32], case: ClusteringCase, begun: float) -> _Run:
    chosen = np.random.default_rng(1).choice(case.locations, case.clusters, replace=False)
    settings = ClusteringConfig(max_iterations=case.iterations, tolerance=0.0)
    init = vectors[np.sort(chosen)]
    found = cluster_locations(vectors, case.clusters, settings, 0, init=init)
    return _Run(found.assignment, found.inertia, time.perf_counter() - begun)


def _starts(case: ClusteringCase) -> npt.NDArray[np.int64]:
    return np.arange(case.steps - LOOKBACK - HORIZON + 1)


def _nothing() -> None:
    """For the memory of an idle process."""
