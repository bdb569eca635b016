"""What a distillation asks its executor for, in order, with the sizes that costs depend on.

Held against what runs really ask for by a test, and by every fit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jobs.benchmarks.scale_trace import REFINE
from stemdist_ray.config import DistillConfig
from stemdist_ray.distillation.run_state import is_due

Sizes = Mapping[str, float]

# As in the base's fit: below so many windows x locations it is no task; more are not looked at; the
# map is chosen on a sample; blocks have so many rows; train is cut into so many parts that are left
# out one at a time.
_FEW_ROWS, _MOST_ROWS, _ENOUGH_WINDOWS = 500_000, 20_000_000, 4096
_SAMPLED_ROWS, _SAMPLED_LOCATIONS = 80_000, 512
_ROWS_PER_BLOCK, _LOCATIONS_PER_BLOCK = 262_144, 2_048
_FOLDS, _MANY_SEASONS = 5, 50
_SMOOTHINGS, _RANKS = 4, (12, 24, 48)
_STARTS = 4  # of k-means on projections, at least
_STEPS_PER_DAY = 288

# What the seconds of a task of a label depend on.
SECONDS: dict[str, tuple[str, ...]] = {
    "groups": ("one", "readings"),
    "sample": ("one", "readings"),
    "profiles": ("one", "scope", "profiles"),
    "sums": ("one", "rows"),
    "passes": ("one", "readings"),
    "member": ("one", "locations"),
    "score": ("one", "locations"),
    "clustering": ("one", "readings", "distances"),
    "start": ("one", "readings"),
    "targets": ("one", "synthetic"),
    "evaluator": ("one", "synthetic", "locations"),
    "shard": ("one", "shard"),
    REFINE: ("one", "shard"),
}
# What messages depend on. Few sizes each, as a fit far beyond the measured ones has to be right
# about which they are.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "passes": ("one", "locations"),
    "start": ("one", "locations"),
    "targets": ("one", "synthetic"),
    "evaluator": ("one", "synthetic"),
    "shard": ("one", "shard"),
    REFINE: ("one", "shard"),
}
RESULTS: dict[str, tuple[str, ...]] = {
    "groups": ("one", "steps", "locations"),
    "sample": ("one", "scope"),
    "profiles": ("one", "profiles"),
    "passes": ("one", "steps", "locations"),
    "clustering": ("one", "locations"),
    "start": ("one", "cluster_readings", "synthetic"),
    "targets": ("one", "synthetic"),
    "shard": ("one", "shard"),
    REFINE: ("one", "shard"),
}
SHARED: dict[str, tuple[str, ...]] = {
    "share source": ("one", "scope"),
    "share sample": ("one", "scope"),
    "share trials": ("one", "scope", "steps"),
    "share material": ("one", "scope", "steps"),
    "share real": ("one", "scope"),
    "share clustered": ("one", "scope", "cluster_readings", "synthetic"),
}
GAPS = ("one", "readings", "synthetic")


@dataclass(frozen=True)
class Workload:
    """What is distilled, and how.

    Args:
        locations: N.
        steps: T, of five minutes unless ``steps_per_day`` says otherwise.
        config: Settings.
        steps_per_day: Steps of a season.
    """

    locations: int
    steps: int
    config: DistillConfig
    steps_per_day: int = _STEPS_PER_DAY

    def windows(self, split: int) -> int:
        """Windows of a split: 0 train, 1 validation."""
        data = self.config.data
        steps = int(data.split[split] * self.steps)
        return max(1, steps - data.lookback - data.horizon + 1)

    @property
    def clusters(self) -> int:
        """K."""
        return max(1, round(self.config.spatial_ratio * self.locations))

    @property
    def synthetic_windows(self) -> int:
        """W."""
        return max(1, round(self.config.temporal_ratio * self.windows(0)))

    @property
    def state_bytes(self) -> float:
        """Of the synthetic data with both moments of Adam, float32."""
        data = self.config.data
        steps = data.lookback + data.horizon
        return 3.0 * 4 * self.synthetic_windows * self.clusters * steps

    def sizes(self, **more: float) -> dict[str, float]:
        """All that costs depend on.

        Args:
            more: Sizes that only this task has, or that replace those of all.
        """
        synthetic = float(self.synthetic_windows * self.clusters)
        shards = min(self.config.num_shards, self.clusters)
        return {
            "one": 1.0,
            "steps": float(self.steps),
            "locations": float(self.locations),
            "readings": float(self.steps) * self.locations,
            "scope": float(self.steps) * self.locations,
            "synthetic": synthetic,
            "shard": synthetic / shards,
            "cluster_readings": float(self.steps) * self.clusters,
            "distances": self._length() * self.locations * self.clusters,
        } | more

    def _length(self) -> float:
        """Of the vectors that locations are clustered by, times the starts of k-means."""
        config, train = self.config.clustering, self.windows(0) + self.config.data.lookback - 1
        if 4 * self.locations * train <= config.memory_budget:
            return float(train * config.restarts)
        return float(config.projections * max(config.restarts, _STARTS))


@dataclass(frozen=True)
class Step:
    """One thing that the executor is asked for.

    Args:
        kind: As :class:`jobs.benchmarks.scale_trace.Trace` calls it.
        label: Whose costs it has: steps of a label are fitted together.
        tasks: How many of which sizes; shared data are one.
        stage: Of the run, for tables.
    """

    kind: str
    label: str
    tasks: tuple[tuple[int, Sizes], ...]
    stage: str

    @property
    def count(self) -> int:
        """Number of tasks."""
        return sum(count for count, _ in self.tasks)

    def mean(self, size: str) -> float:
        """Mean over the tasks."""
        return sum(count * sizes[size] for count, sizes in self.tasks) / self.count


def plan(load: Workload) -> list[Step]:
    """All steps of a distillation from its start to its end."""
    sizes, members = load.sizes(), load.config.teacher.members
    shared = _travelling(load)
    nothing = Step("share", "share nothing", ((1, sizes),), "start")
    steps = [nothing, *_base(load)]
    steps += [
        _share("source", shared, "base"),
        Step("run_pass", "passes", ((2, sizes),), "base"),
        _share("real", shared, "teacher"),
    ]
    if load.config.teacher.epochs:
        steps += [
            Step("train_member", "member", ((members, sizes),), "teacher"),
            Step("run_score", "score", ((2, sizes),), "teacher"),
        ]
    steps += [
        Step("run_clustering", "clustering", ((1, sizes),), "cluster"),
        Step("run_start", "start", ((1, shared),), "cluster"),
        _share("clustered", shared, "cluster"),
    ]
    if load.config.teacher.epochs:
        steps.append(Step("run_targets", "targets", ((1, sizes),), "cluster"))
    steps.append(_validation(load, "validation"))
    for number in range(1, load.config.rounds + 1):
        steps += round_steps(load, number)
    return steps


def round_steps(load: Workload, number: int) -> Iterator[Step]:
    """The steps of a round."""
    config = load.config
    shards = min(config.num_shards, load.clusters)
    stage = "rounds"
    yield Step("run_shard", "shard", ((shards, load.sizes()),), stage)
    if config.refine.steps and shards > 1:
        yield Step(REFINE, REFINE, ((shards, load.sizes()),), stage)
    if is_due(number, config.validation.every) or number == config.rounds:
        yield _validation(load, stage)


def _validation(load: Workload, stage: str) -> Step:
    tasks = (load.config.validation.repeats, load.sizes())
    return Step("train_evaluator", "evaluator", (tasks,), stage)


def _share(label: str, sizes: Sizes, stage: str) -> Step:
    return Step("share", f"share {label}", ((1, sizes),), stage)


def _travelling(load: Workload, **more: float) -> Sizes:
    """Sizes of what travels: the names of files where the series is streamed."""
    files = {"scope": 0.0, "cluster_readings": 0.0} if load.config.streaming else {}
    return load.sizes(**more | files)


def _base(load: Workload) -> Iterator[Step]:
    """The steps that fit the base; none where that is left to the driver."""
    if load.config.base == "none" or load.windows(0) * load.locations < _FEW_ROWS:
        return
    stage, everyone, shared = "base", load.sizes(), _travelling(load)
    yield _share("source", shared, stage)
    yield Step("run_groups", "groups", ((1, everyone),), stage)
    most = min(load.locations, _SAMPLED_LOCATIONS)
    if most < load.locations:
        sample = _travelling(load, scope=float(load.steps * most))
        yield Step("run_sample", "sample", ((1, sample),), stage)
    seasons = math.ceil(load.config.data.split[0] * load.steps / load.steps_per_day)
    folds = min(_FOLDS, seasons)
    # With few seasons validation mostly finds it better to leave out the windows' own days.
    few = seasons < _MANY_SEASONS
    crossed = few and folds > 1
    if few:
        yield from _choice(load, _SMOOTHINGS, _SMOOTHINGS if crossed else 0, folds)
    ranks = len({min(rank, most) for rank in _RANKS})
    yield from _choice(load, 1 if crossed else 1 + ranks, ranks if crossed else 0, folds)
    yield _share("source", shared, stage)
    own = load.sizes(profiles=float(load.locations * (1 + folds * crossed)))
    yield Step("run_profiles", "profiles", ((1, own),), stage)
    yield _share("material", shared, stage)
    parts, wanted = folds if crossed else 1, max(_ENOUGH_WINDOWS, _MOST_ROWS // load.locations)
    train, held_out = (min(load.windows(split), wanted) for split in (0, 1))
    some = min(load.locations, max(1, int(_MOST_ROWS // train)))
    own_blocks = ((parts * count, sizes) for count, sizes in _blocks(load, train / parts, some))
    blocks = (*own_blocks, *_blocks(load, held_out, some))
    yield Step("block_sums", "sums", blocks, stage)


def _choice(load: Workload, plain: int, crossed: int, folds: int) -> Iterator[Step]:
    """Trying some ways on a sample: plain ones, and ones that leave out the windows' own days."""
    locations = min(load.locations, _SAMPLED_LOCATIONS)
    wanted = max(1, _SAMPLED_ROWS // locations)
    scope = float(load.steps * locations)
    sample = _travelling(load, scope=scope)
    yield _share("sample", sample, "base")
    tasks = [(plain, load.sizes(scope=scope, profiles=float(locations)))]
    if crossed:
        tasks.append((crossed, load.sizes(scope=scope, profiles=float(locations * (folds + 1)))))
    yield Step("run_profiles", "profiles", tuple(tasks), "base")
    yield _share("trials", sample, "base")
    train, held_out = (float(min(wanted, load.windows(split)) * locations) for split in (0, 1))
    blocks = [
        (plain, load.sizes(rows=train, scope=scope)),
        (plain + crossed, load.sizes(rows=held_out, scope=scope)),
    ]
    if crossed:
        blocks.append((crossed * folds, load.sizes(rows=train / folds, scope=scope)))
    yield Step("block_sums", "sums", tuple(blocks), "base")


def _blocks(load: Workload, windows: float, locations: int) -> Iterator[tuple[int, Sizes]]:
    """Blocks of some windows of some locations: as many as fit, per piece of the locations."""
    for pieces, width in _pieces(locations, _LOCATIONS_PER_BLOCK):
        for blocks, height in _pieces(windows, max(1, _ROWS_PER_BLOCK // int(width))):
            yield pieces * blocks, load.sizes(rows=width * height)


def _pieces(whole: float, most: int) -> Iterator[tuple[int, float]]:
    """How many pieces of which size a whole is cut into."""
    count = int(whole // most)
    if count:
        yield count, float(most)
    if whole > count * most:
        yield 1, float(whole - count * most)
