"""The embedded traffic simulator: free of any download, and hard enough to be worth forecasting.

Congestion starts at bottlenecks (when demand exceeds capacity) and at incidents, and travels
*upstream* along its corridor with a delay. A location's near future is therefore written in the
present of its downstream neighbours: a forecaster that uses neighbours can beat one that does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.data.covariates import day_of_week, time_of_day
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.seeding import numpy_generator
from stemdist_ray.system.free_memory import MemoryBudget

Array = npt.NDArray[np.float64]

# A week from Thursday on, so that its train split holds weekdays and a weekend.
DEMO_SOURCE = "sim:traffic?locations=120,steps=2016,seed=0,start=2024-01-04"
_START = "2024-01-01"  # a Monday
_STEPS_PER_HOUR = 12
_LOCATIONS = 300
_HELD_PER_READING = 64  # bytes: demand, congestion and noise are float64


@dataclass(frozen=True)
class TrafficParameters:
    """What ``sim:traffic?...`` takes.

    Args:
        locations: Number of sensors; with ``meta`` at most its rows (default: all of them).
        steps: Number of 5-minute steps.
        seed: Seed of the simulation.
        missing: Share of readings that are lost, 0 to 0.5.
        noise: Standard deviation of the measurement noise, km/h.
        incidents: Expected incidents per location and week.
        start: Day of the first step.
        meta: CSV with columns ID, Lat, Lng, Fwy, Direction (LargeST sensor metadata).
    """

    locations: int | None = None
    steps: int = 2016
    seed: int = 0
    missing: float = 0.02
    noise: float = 1.5
    incidents: float = 0.5
    start: str = _START
    meta: str | None = None

    def __post_init__(self) -> None:
        limits: dict[str, tuple[float, float]]
        limits = {"locations": (1, 10**6), "steps": (1, 10**7), "seed": (0, 2**62)}
        limits |= {"missing": (0, 0.5), "noise": (0, 100), "incidents": (0, 1000)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise DataError(f"sim:traffic: {name} must lie in [{low}, {high}]; found {value}")
        try:
            np.datetime64(self.start, "ns")
        except ValueError as error:
            raise DataError(
                f"sim:traffic: start must be a day such as {_START}; found {self.start!r}"
            ) from error


@dataclass(frozen=True)
class _Network:
    ids: tuple[str, ...]
    coordinates: Array  # (N, 2) latitude, longitude
    corridors: list[npt.NDArray[np.int64]]  # positions in driving order


def parse_simulation(source: str) -> TrafficParameters:
    """Parse ``sim:traffic?name=value,...``.

    Raises:
        DataError: Unknown scenario, unknown parameter, or a value of the wrong kind.
    """
    scenario, _, query = source.removeprefix("sim:").partition("?")
    if scenario != "traffic":
        raise DataError(f"unknown simulation {scenario!r} in {source!r}; expected sim:traffic?...")
    kinds: dict[str, Callable[[str], object]] = {
        "locations": int,
        "steps": int,
        "seed": int,
        "missing": float,
        "noise": float,
        "incidents": float,
        "start": str,
        "meta": str,
    }
    values: dict[str, object] = {}
    for item in query.replace("&", ",").split(","):
        if not item:
            continue
        name, sep, raw = item.partition("=")
        if not sep or name not in kinds:
            known = ", ".join(f.name for f in fields(TrafficParameters))
            raise DataError(f"{source!r}: cannot use {item!r}; known parameters: {known}")
        try:
            values[name] = kinds[name](raw)
        except ValueError as error:
            wanted = "a whole number" if kinds[name] is int else "a number"
            raise DataError(f"{source!r}: {name} must be {wanted}; found {raw!r}") from error
    return TrafficParameters(**values)  # type: ignore[arg-type]


def simulate_traffic(
    parameters: TrafficParameters, budget: MemoryBudget | None = None
) -> SpatioTemporalSeries:
    """Simulate road speeds (km/h) every 5 minutes, starting on a Monday unless told otherwise.

    Returns:
        A series of shape (steps, locations, 1) with time stamps, coordinates
        (latitude, longitude) and a mask where ``missing`` > 0.
    """
    if parameters.meta is None:
        # Before anything is laid out for each location.
        _check_size(parameters.locations or _LOCATIONS, parameters, budget)
    network = _network(parameters)
    _check_size(len(network.ids), parameters, budget)
    steps, count = parameters.steps, len(network.ids)
    times = np.datetime64(parameters.start, "ns") + np.arange(steps) * np.timedelta64(5, "m")
    rng = numpy_generator(parameters.seed, "traffic", "dynamics")
    demand = _demand(times, count, rng)
    local = _local_congestion(demand, parameters.incidents, rng)
    congestion = _spread_upstream(local, network.corridors, rng)
    free_flow = rng.normal(105.0, 8.0, count)
    depth = rng.uniform(0.55, 0.8, count)
    speed = free_flow * (1 - 0.08 * demand) * (1 - depth * np.clip(congestion, 0, 1))
    speed += _smooth_noise(steps, count, rng) * 2.0
    speed += rng.normal(0.0, parameters.noise, speed.shape)
    mask = _observed(steps, count, parameters.missing, rng)
    return SpatioTemporalSeries(
        values=np.maximum(speed, 3.0).astype(np.float32)[:, :, None],
        mask=None if mask is None else mask[:, :, None],
        times=times,
        location_ids=network.ids,
        coordinates=network.coordinates,
        feature_names=("speed",),
        units=("km/h",),
        name="simulated traffic",
    )


def _check_size(locations: int, parameters: TrafficParameters, budget: MemoryBudget | None) -> None:
    shape = (parameters.steps, locations)
    (budget or MemoryBudget()).check_readings("sim:traffic", shape, _HELD_PER_READING)


def _network(parameters: TrafficParameters) -> _Network:
    if parameters.meta is not None:
        return _network_from_metadata(Path(parameters.meta), parameters.locations)
    count = parameters.locations or _LOCATIONS
    rng = numpy_generator(parameters.seed, "traffic", "network")
    length = 20
    ids, points, corridors = [], [], []
    for corridor, first in enumerate(range(0, count, length)):
        size = min(length, count - first)
        origin = rng.uniform([37.2, -122.4], [37.8, -121.8])
        heading = rng.uniform(0, 2 * np.pi)
        along = np.arange(size)[:, None] * 0.006
        bend = np.sin(along * 30 + rng.uniform(0, 6)) * 0.004
        direction = np.array([np.sin(heading), np.cos(heading)])
        points.append(origin + along * direction + bend * direction[::-1])
        ids += [f"C{corridor:03d}-{k:02d}" for k in range(size)]
        corridors.append(np.arange(first, first + size))
    return _Network(tuple(ids), np.concatenate(points), corridors)


def _network_from_metadata(path: Path, wanted: int | None) -> _Network:
    try:
        table = pd.read_csv(path, dtype={"ID": str})
    except (OSError, ValueError) as error:
        raise DataError(f"sim:traffic: cannot read meta={path}: {error}") from error
    missing = {"ID", "Lat", "Lng", "Fwy", "Direction"} - set(table.columns)
    if missing:
        raise DataError(
            f"sim:traffic: {path} lacks the columns {sorted(missing)}; expected LargeST sensor "
            f"metadata with ID, Lat, Lng, Fwy, Direction; found {list(table.columns)}"
        )
    if wanted is not None and wanted > len(table):
        raise DataError(f"sim:traffic: locations={wanted} but {path} has {len(table)} sensors")
    table = table.head(wanted or len(table)).reset_index(drop=True)
    corridors = []
    for (_, direction), group in table.groupby(["Fwy", "Direction"], sort=True):
        axis = "Lng" if str(direction) in ("E", "W") else "Lat"
        forward = str(direction) in ("E", "N")
        corridors.append(group.sort_values(axis, ascending=forward).index.to_numpy(np.int64))
    points = table[["Lat", "Lng"]].to_numpy(np.float64)
    return _Network(tuple(table["ID"].astype(str)), points, corridors)


def _demand(times: npt.NDArray[np.datetime64], count: int, rng: np.random.Generator) -> Array:
    """(T, N) demand relative to capacity: two daily peaks, weaker on weekends."""
    hour = time_of_day(times)[:, None] * 24
    weekend = (day_of_week(times) >= 5)[:, None]
    morning = rng.uniform(0.4, 1.0, count) * np.exp(-(((hour - 8.0) / 1.6) ** 2))
    evening = rng.uniform(0.4, 1.0, count) * np.exp(-(((hour - 17.5) / 2.0) ** 2))
    midday = 0.45 * np.exp(-(((hour - 13.0) / 4.5) ** 2))
    weekday = 0.15 + midday + morning + evening
    relaxed = 0.15 + 0.7 * np.exp(-(((hour - 14.0) / 4.0) ** 2))
    return np.asarray(np.where(weekend, relaxed, weekday))


def _smooth_noise(steps: int, count: int, rng: np.random.Generator) -> Array:
    """(T, N) unit-variance AR(1) noise with a memory of about an hour."""
    keep = np.exp(-1 / _STEPS_PER_HOUR)
    shocks = rng.normal(0.0, np.sqrt(1 - keep**2), (steps, count))
    level = rng.normal(0.0, 1.0, count)
    for step in range(steps):
        level = keep * level + shocks[step]
        shocks[step] = level
    return shocks


def _local_congestion(demand: Array, incidents: float, rng: np.random.Generator) -> Array:
    """(T, N) congestion that starts at a location itself: bottlenecks and incidents."""
    steps, count = demand.shape
    bottleneck = rng.random(count) < 0.12
    surplus = demand + 0.35 * _smooth_noise(steps, count, rng) - rng.uniform(0.75, 0.95, count)
    local = np.where(bottleneck, np.clip(2.5 * surplus, 0.0, 1.0), 0.0)
    expected = incidents * count * steps / (7 * 24 * _STEPS_PER_HOUR)
    for _ in range(int(rng.poisson(expected))):
        where, start = int(rng.integers(count)), int(rng.integers(steps))
        length = int(rng.integers(4, 18))
        window = local[start : start + length, where]
        np.maximum(window, rng.uniform(0.5, 1.0), out=window)
    return local


def _spread_upstream(
    local: Array, corridors: list[npt.NDArray[np.int64]], rng: np.random.Generator
) -> Array:
    """Let congestion travel against the driving direction, 2 to 4 steps per location."""
    congestion = local.copy()
    for corridor in corridors:
        for here, downstream in zip(corridor[-2::-1], corridor[:0:-1], strict=True):
            delay = int(rng.integers(2, 5))
            arriving = rng.uniform(0.8, 0.95) * congestion[:-delay, downstream]
            later = congestion[delay:, here]
            np.maximum(later, arriving, out=later)
    return congestion


def _observed(
    steps: int, count: int, share: float, rng: np.random.Generator
) -> npt.NDArray[np.bool_] | None:
    """Lose half of the missing share as single readings, half as outages of hours."""
    if share == 0:
        return None
    observed = rng.random((steps, count)) >= share / 2
    length = min(3 * _STEPS_PER_HOUR, steps)
    for _ in range(round(share / 2 * steps * count / length)):
        start, where = int(rng.integers(max(1, steps - length + 1))), int(rng.integers(count))
        observed[start : start + length, where] = False
    return observed
