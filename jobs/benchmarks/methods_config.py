"""What ``jobs/benchmark.py methods`` compares, as a YAML file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from stemdist_ray.baselines.method import METHODS, OWN
from stemdist_ray.baselines.rows import trained_rows
from stemdist_ray.config import (
    PRESETS,
    DistillConfig,
    ForecasterConfig,
    LayerOf,
    build_config,
    describe_validation_error,
    merge_layers,
    typed_layer,
)
from stemdist_ray.config.layers import value_as_guessed
from stemdist_ray.config.yaml_files import read_yaml
from stemdist_ray.errors import ConfigError

RANDOM, TAUGHT = "random", "random_teacher"
"""Methods that others are measured against; both are always part of a benchmark."""

Options = dict[str, Any]
Layer = Annotated[dict[str, Any], LayerOf(DistillConfig)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataEntry(_Part):
    """A data set.

    Args:
        name: In tables and names of files.
        source: SOURCE; a relative path counts from the folder where the command runs.
        settings: Settings of its cells, e.g. ``{data: {season: 108}}``.
    """

    name: Name
    source: str
    settings: Layer = Field(default_factory=dict)


def _named(value: Any) -> Any:
    """A bare name stands for a method with its own defaults."""
    return {"name": value} if isinstance(value, str) else value


class MethodEntry(_Part):
    """A method, in one variant.

    Args:
        name: In tables and names of files.
        method: By its own name; None = the same name.
        preset: Of its settings.
        options: Its hyper-parameters (``method_options``).
        settings: Other settings of its cells; with both ratios these are taken as they are, and
            their product has to be the budget.
    """

    name: Name
    method: str | None = None
    preset: str = "standard"
    options: Options = Field(default_factory=dict)
    settings: Layer = Field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The method's own name."""
        return self.method or self.name


class MethodsConfig(_Part):
    """A benchmark: every method on every data set, at every budget, with every seed.

    Args:
        data: Data sets.
        methods: Methods and variants; ``random`` and ``random_teacher`` are added where they are
            missing.
        budgets: Synthetic entries / real ones.
        seeds: One distillation each; the evaluators' seeds follow from them.
        settings: Of all cells; ``evaluation`` and ``forecaster`` decide how all are judged.
        rows: What needs no distilling, by name of the row; it is trained once per data set, budget
            and seed. None = all that an evaluation trains by itself, full data included.
    """

    data: Annotated[tuple[DataEntry, ...], Field(min_length=1)]
    methods: Annotated[
        tuple[Annotated[MethodEntry, BeforeValidator(_named)], ...], Field(min_length=1)
    ]
    budgets: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)] = (
        0.005,
    )
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1)
    settings: Layer = Field(default_factory=dict)
    rows: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _distinct(self) -> MethodsConfig:
        for what, names in (
            ("data", [entry.name for entry in self.data]),
            ("methods", [entry.name for entry in self.methods]),
            ("seeds", [str(seed) for seed in self.seeds]),
            ("budgets", [str(budget) for budget in self.budgets]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what}: {', '.join(twice)} occurs more than once")
        return self

    def every_method(self) -> tuple[MethodEntry, ...]:
        """The methods, with those that others are measured against."""
        names = [entry.name for entry in self.methods]
        missing = [MethodEntry(name=name) for name in (RANDOM, TAUGHT) if name not in names]
        return (*missing, *self.methods)

    def reference_rows(self) -> tuple[str, ...]:
        """Names of the rows that need no distilling, of those that are trained."""
        own = [row.name for row in trained_rows() if row.reads_all]
        return tuple(own) if self.rows is None else self.rows


def read_methods_config(path: Path) -> MethodsConfig:
    """Read a benchmark's file and check everything that can be checked without data.

    Raises:
        ConfigError: It cannot be read, or something in it is unknown or does not fit.
    """
    try:
        config = MethodsConfig.model_validate(_typed(read_yaml(path)))
    except ValidationError as error:
        what = describe_validation_error(error).removeprefix("configuration: ")
        raise ConfigError(f"{path}: {what}") from error
    known = [row.name for row in trained_rows() if row.reads_all]
    unknown = [name for name in config.reference_rows() if name not in known]
    if unknown:
        raise ConfigError(f"{path}: rows: {unknown[0]} is none of {', '.join(known)}")
    for method in config.every_method():
        try:
            _check(config, method)
        except ConfigError as error:
            raise ConfigError(f"{path}: {method.name}: {error}") from error
    return config


def _check(config: MethodsConfig, method: MethodEntry) -> None:
    METHODS.get(method.kind).read_options(method.options)
    if method.preset not in PRESETS:
        raise ConfigError(f"preset {method.preset!r} is none of {', '.join(PRESETS)}")
    for data in config.data:
        for budget in config.budgets:
            cell_config(config, data, method, budget, config.seeds[0])


def _typed(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Values with the types of their fields, those in lists of sections included."""
    kinds: dict[str, type[BaseModel]] = {"data": DataEntry, "methods": MethodEntry}
    typed = typed_layer({k: v for k, v in tree.items() if k not in kinds}, MethodsConfig)
    for name in kinds.keys() & tree.keys():
        entries = tree[name]
        typed[name] = (
            [typed_layer(e, kinds[name]) if isinstance(e, Mapping) else _plain(e) for e in entries]
            if isinstance(entries, list)
            else value_as_guessed(entries)
        )
    return typed


def _plain(entry: Any) -> Any:
    """A bare name: what YAML reads as a number or a truth is one here, too."""
    return str(entry) if isinstance(entry, str) else value_as_guessed(entry)


def evaluator(config: MethodsConfig, data: DataEntry) -> ForecasterConfig:
    """The forecaster that judges all methods of a data set, whatever they were learned with."""
    return build_config("standard", merge_layers(config.settings, data.settings)).forecaster


def cell_config(
    config: MethodsConfig, data: DataEntry, method: MethodEntry, budget: float, seed: int
) -> DistillConfig:
    """The settings that one cell is distilled and judged with.

    How it is judged is the same for all methods of a data set: a preset's own evaluation counts
    for nothing here.

    Raises:
        ConfigError: They do not fit the method.
    """
    judged: Mapping[str, Any] = build_config(
        "standard", merge_layers(config.settings, data.settings)
    ).model_dump(include={"evaluation"})
    own = merge_layers(config.settings, data.settings, method.settings)
    own.pop("evaluation", None)
    pair = [method.settings.get(name) for name in ("spatial_ratio", "temporal_ratio")]
    if any(ratio is not None for ratio in pair):
        _check_pair(method, pair, budget)
    return build_config(
        method.preset,
        own,
        dict(judged),
        {
            "method": method.kind,
            "method_options": method.options,
            "budget": budget if pair == [None, None] else None,
            "seed": seed,
            "tracking": {"enabled": False},
            "worker": {"num_workers": 0},
            **({} if method.kind == OWN else {"rounds": 0}),
        },
    )


def _check_pair(method: MethodEntry, pair: list[Any], budget: float) -> None:
    numbers = [ratio for ratio in pair if isinstance(ratio, int | float)]
    if len(numbers) < 2 or not math.isclose(math.prod(numbers), budget, rel_tol=0.01):
        raise ConfigError(
            f"{method.name}: spatial_ratio and temporal_ratio are {pair[0]} and {pair[1]}; "
            f"expected both of them, or neither, and that their product is the budget, {budget:g}"
        )
