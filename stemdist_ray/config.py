"""The one typed, frozen configuration tree. Unknown keys are errors.

Defaults are those of the preset ``standard``. What the paper (arXiv:2603.10410)
fixes has the paper's value in the preset ``paper``; see :data:`PRESETS`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stemdist_ray.errors import ConfigError

Ratio = Annotated[float, Field(gt=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0.0)]


class Section(BaseModel):
    """A part of a configuration: frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class DataConfig(Section):
    """How a source becomes windows."""

    lookback: Positive = Field(12, description="input steps per window")
    horizon: Positive = Field(12, description="target steps per window")
    split: tuple[Ratio, Ratio, Ratio] = Field(
        (0.6, 0.2, 0.2), description="shares of train, val and test, in time order"
    )
    target: str | int = Field(0, description="feature to forecast: its name or position")
    covariates: tuple[Literal["time_of_day", "day_of_week"], ...] = Field(
        (), description="known inputs derived from the time stamps, appended as features"
    )
    missing_values: tuple[float, ...] = Field(
        (), description="readings that mean 'missing'; zero is a reading unless named here"
    )
    start: str | None = Field(
        None, description="time of the first step, for sources that carry no time stamps"
    )
    sampling_step: str | None = Field(
        None, description="time between steps (e.g. 5min), for sources without time stamps"
    )
    locations_file: str | None = Field(
        None, description="CSV with a location id and two coordinates per row"
    )

    @model_validator(mode="after")
    def _check(self) -> DataConfig:
        if abs(sum(self.split) - 1.0) > 1e-6:
            raise ValueError(f"split must add up to 1, found {self.split}")
        if (self.start is None) != (self.sampling_step is None):
            raise ValueError("start and sampling_step go together: give both or neither")
        return self


class ClusteringConfig(Section):
    """k-means over locations (paper section on spatial compression)."""

    restarts: Positive = Field(1, description="k-means++ starts; the best inertia wins")
    max_iterations: Positive = Field(100, description="Lloyd iterations at most")
    tolerance: Annotated[float, Field(ge=0.0)] = Field(
        1e-4, description="relative centre movement at which Lloyd stops"
    )


class ForecasterConfig(Section):
    """Which forecaster is the surrogate, and its own options."""

    name: str = Field("mtgnn", description="registered forecaster")
    options: dict[str, Any] = Field(
        default_factory=dict, description="hyper-parameters of that forecaster"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="of the products of a training step (for GPUs; weights, graph, losses and "
        "forecasts in use stay float32)",
    )


class TeacherConfig(Section):
    """Who gives the synthetic windows their first targets."""

    epochs: Annotated[int, Field(ge=0)] = Field(
        150,
        description="epochs of K steps of the teacher on sampled real data; 0 = no teacher, the "
        "targets start as readings (paper)",
    )
    check_every: Positive = Field(5, description="epochs between looks at the validation split")
    learning_rate: Rate = Field(1e-3, description="Adam rate of the teacher")
    averaging: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.98, description="decay of the moving average of the teacher's weights"
    )


class MatchingConfig(Section):
    """Gradient matching and inner loop of one shard task."""

    objective: Literal["gradient", "unrolled"] = Field(
        "unrolled",
        description="gradient: match gradients (paper); unrolled: real loss after training",
    )
    steps: Positive = Field(10, description="matching steps per shard and round (paper: 20)")
    subsets: Positive = Field(4, description="location subsets K per matching step (paper: 4)")
    smallest_subset: Positive = Field(
        10, description="fewer than K subsets are cut where they would be smaller than this"
    )
    real_batch: Positive = Field(64, description="real windows per matching step (paper: 64..256)")
    synthetic_batch: Positive | None = Field(
        None, description="synthetic windows per matching step; null = all of them"
    )
    learning_rate: Rate = Field(5e-3, description="Adam rate on the synthetic data")
    learn_targets: bool = Field(True, description="learn the target windows as well as the inputs")
    unroll_steps: Positive = Field(
        8, description="subset steps unrolled per matching step (objective unrolled)"
    )
    inner_epochs: Annotated[int, Field(ge=0)] = Field(
        0, description="further epochs of K subset steps between matching steps (paper: 10)"
    )
    inner_data: Literal["synthetic", "real"] = Field(
        "synthetic", description="what trains the surrogate (objective gradient; paper: synthetic)"
    )
    inner_learning_rate: Rate = Field(1e-3, description="Adam rate of the surrogate")
    init: Literal["random", "even"] = Field(
        "even", description="windows the synthetic data start from (paper: random)"
    )


class RefineConfig(Section):
    """Matching across shard borders after each merge (no effect with one shard)."""

    steps: Annotated[int, Field(ge=0)] = Field(2, description="matching steps after each merge")
    inner_epochs: Annotated[int, Field(ge=0)] = Field(
        0, description="further epochs of subset steps between refine steps"
    )


class ValidationConfig(Section):
    """How a round is judged: a fresh evaluator trained on the synthetic data."""

    every: Annotated[int, Field(ge=0)] = Field(
        2, description="rounds between validations; 0 = only the start and the last round"
    )
    epochs: Positive = Field(30, description="epochs of K subset steps of the evaluator")
    check_every: Positive = Field(5, description="epochs between looks at the validation split")
    repeats: Positive = Field(2, description="evaluators averaged per validation")
    windows: Positive = Field(16, description="validation windows used, evenly spaced")
    patience: Annotated[int, Field(ge=0)] = Field(
        0, description="validations without improvement before stopping; 0 = never stop early"
    )


class WorkerConfig(Section):
    """Who does the work. Nothing here changes the result on one kind of hardware."""

    num_workers: Annotated[int, Field(ge=0)] | None = Field(
        None, description="Ray actors; 0 = serial without Ray; null = as many as fit"
    )
    num_cpus: Annotated[float, Field(gt=0.0)] = Field(1.0, description="CPUs Ray reserves each")
    num_gpus: Annotated[float, Field(ge=0.0)] = Field(0.0, description="GPU share of each worker")
    threads: Positive = Field(1, description="torch threads per task, serial or not")
    coordinator_threads: Positive = Field(
        2, description="torch threads of the driver, which trains the teacher"
    )
    max_attempts: Positive = Field(3, description="tries per task before the run gives up")
    start_timeout: Rate = Field(120.0, description="seconds to wait for a worker to be placed")
    address: str | None = Field(
        None, description="Ray cluster to join; null = RAY_ADDRESS, else a local Ray"
    )


class EvaluationConfig(Section):
    """Training of the evaluators that the result table compares."""

    protocol: Literal["fair", "paper"] = Field(
        "fair",
        description="fair: every row takes K subset steps per epoch; paper: only the distilled "
        "data do, the others one step on all their locations",
    )
    epochs: Positive = Field(50, description="epochs of K subset steps (paper: 100 or 400)")
    repeats: Positive = Field(3, description="seeds per row of the table")
    subsets: Positive = Field(4, description="location subsets K per epoch")
    learning_rate: Rate = Field(1e-3, description="Adam rate of the evaluators")
    averaging: Annotated[float, Field(ge=0.0, lt=1.0)] = Field(
        0.9, description="decay of the moving average of the weights that are judged; 0 = none"
    )
    check_every: Positive = Field(3, description="epochs between looks at the validation split")
    validation_windows: Positive = Field(
        16, description="validation windows for choosing the step, evenly spaced"
    )
    full_data_batch: Positive = Field(16, description="windows per step of full-data training")
    full_data_epochs: Positive = Field(
        20, description="passes over all train windows at most, for full-data training"
    )
    full_data_patience: Positive = Field(
        3, description="passes without improvement before full-data training stops"
    )


class TrackingConfig(Section):
    """Where MLflow keeps the runs."""

    enabled: bool = Field(True, description="log to MLflow")
    uri: str | None = Field(
        None,
        description="tracking URI; null = MLFLOW_TRACKING_URI, else mlflow.db beside the run",
    )
    experiment: str = Field("stemdist", description="MLflow experiment name")


JUDGE_SETTINGS = ("subsets", "learning_rate", "averaging")


class DistillConfig(Section):
    """Everything that determines a distillation run."""

    spatial_ratio: Ratio = Field(0.1, description="synthetic locations / real locations")
    temporal_ratio: Ratio = Field(0.05, description="synthetic windows / real train windows")
    rounds: Annotated[int, Field(ge=0)] = Field(10, description="outer rounds (paper: 100)")
    num_shards: Positive = Field(4, description="shards per round; 1 = the paper's algorithm")
    seed: Annotated[int, Field(ge=0)] = Field(0, description="seed of the run")
    data: DataConfig = DataConfig()
    clustering: ClusteringConfig = ClusteringConfig()
    forecaster: ForecasterConfig = ForecasterConfig()
    teacher: TeacherConfig = TeacherConfig()
    matching: MatchingConfig = MatchingConfig()
    refine: RefineConfig = RefineConfig()
    validation: ValidationConfig = ValidationConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    worker: WorkerConfig = WorkerConfig()
    tracking: TrackingConfig = TrackingConfig()

    @model_validator(mode="after")
    def _check(self) -> DistillConfig:
        if self.forecaster.precision != "float32" and self.matching.objective == "gradient":
            raise ValueError(
                "forecaster.precision bfloat16 goes with matching.objective unrolled only: "
                "cosines of near-zero gradients do not survive the rounding"
            )
        return self

    def algorithm_digest(self) -> str:
        """Return a hash of all that changes the result (not workers, rounds, tracking).

        A checkpoint may be resumed only under the digest it was written with.
        """
        tree = self.model_dump(mode="json", exclude={"worker", "tracking", "evaluation", "rounds"})
        # The judge of the rounds trains its evaluators with these.
        tree["judge"] = self.evaluation.model_dump(mode="json", include=set(JUDGE_SETTINGS))
        tree["threads"] = [self.worker.threads, self.worker.coordinator_threads]
        text = json.dumps(tree, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


PRESETS: dict[str, dict[str, Any]] = {
    "standard": {},
    "paper": {
        "rounds": 100,
        "num_shards": 1,
        "teacher": {"epochs": 0},
        "matching": {
            "objective": "gradient",
            "steps": 20,
            "subsets": 4,
            "smallest_subset": 1,
            "real_batch": 64,
            "learning_rate": 1e-2,
            "inner_epochs": 10,
            "inner_learning_rate": 1e-3,
            "init": "random",
        },
        "validation": {"every": 5},
        "evaluation": {"epochs": 100},
    },
    "demo": {
        "spatial_ratio": 0.1,
        "temporal_ratio": 0.05,
        "rounds": 3,
        "num_shards": 4,
        "teacher": {"epochs": 60},
        "matching": {"steps": 5, "real_batch": 32},
        "refine": {"steps": 1},
        "validation": {"every": 1, "epochs": 20, "repeats": 1, "windows": 16},
        "evaluation": {"epochs": 30, "repeats": 2, "check_every": 3, "validation_windows": 16},
    },
}


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        keep = isinstance(old, Mapping) and isinstance(value, Mapping) and key != "options"
        merged[key] = _merge(old, value) if keep else value  # type: ignore[arg-type]
    return merged


def merge_layers(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested settings; later layers win, forecaster options are replaced as a whole."""
    tree: dict[str, Any] = {}
    for layer in layers:
        tree = _merge(tree, layer)
    return tree


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Turn ``["matching.steps=5", ...]`` into a nested mapping; values are YAML.

    Raises:
        ConfigError: An entry has no ``=`` or its value is not YAML.
    """
    tree: dict[str, Any] = {}
    for text in assignments:
        path, sep, raw = text.partition("=")
        if not sep or not path.strip():
            raise ConfigError(f"--set takes NAME=VALUE, e.g. matching.steps=5; found {text!r}")
        try:
            value = yaml.safe_load(raw)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {path}: {raw!r} is not a YAML value") from error
        if isinstance(value, str):
            # YAML 1.1 reads 1e-3 as text; people mean a number.
            try:
                value = float(value)
            except ValueError:
                value = str(value)
        node: dict[str, Any] = {}
        leaf = node
        *parents, last = path.strip().split(".")
        for name in parents:
            leaf = leaf.setdefault(name, {})
        leaf[last] = value
        tree = _merge(tree, node)
    return tree


def build_config(preset: str = "standard", *layers: Mapping[str, Any]) -> DistillConfig:
    """Build a configuration from a preset and any number of overriding layers.

    Args:
        preset: Name in :data:`PRESETS`.
        *layers: Nested mappings, later ones win.

    Raises:
        ConfigError: Unknown preset, unknown keys or values out of range; all
            problems are reported together.
    """
    if preset not in PRESETS:
        known = ", ".join(sorted(PRESETS))
        raise ConfigError(f"unknown preset {preset!r}; expected one of: {known}")
    try:
        return DistillConfig.model_validate(merge_layers(PRESETS[preset], *layers))
    except ValidationError as error:
        raise ConfigError(describe_validation_error(error)) from error


def describe_validation_error(error: ValidationError) -> str:
    """Put all problems of a pydantic error on one line."""
    problems = []
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"]) or "configuration"
        if item["type"] == "extra_forbidden":
            problems.append(f"{place}: unknown setting")
        else:
            found = "" if isinstance(item["input"], Mapping) else f" (found {item['input']!r})"
            problems.append(f"{place}: {item['msg']}{found}")
    return "configuration: " + "; ".join(problems)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten a nested mapping to dotted names, as ``--set`` takes them."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, name + "."))
        else:
            flat[name] = value
    return flat
