"""The YAML files of jobs: what they hold, checked, with the types of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stemdist_ray.cli.jobs import DistillJob, EvaluateJob, evaluation_layer
from stemdist_ray.config import (
    DistillConfig,
    LayerOf,
    RankConfig,
    TrainConfig,
    build_config,
    describe_validation_error,
    typed_layer,
    with_settings,
)
from stemdist_ray.errors import ConfigError
from stemdist_ray.sweeps.config import ModelsConfig, SearchConfig

Settings = Annotated[dict[str, Any], LayerOf(DistillConfig)]
"""Settings of a distillation that override a preset."""


class YamlFile(BaseModel):
    """Base of what the YAML files of jobs hold; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def parse(cls, tree: Mapping[str, Any]) -> Self:
        """Check a YAML tree.

        Raises:
            ConfigError: All problems, on one line.
        """
        try:
            return cls.model_validate(typed_layer(tree, cls))
        except ValidationError as error:
            raise ConfigError(describe_validation_error(error)) from error


class JobFile(YamlFile):
    """What the YAML files of ``jobs/distill.py`` and ``jobs/evaluate.py`` hold.

    Args:
        source: SOURCE.
        out: Output folder of distill, input folder of evaluate.
        preset: Settings to start from.
        config: Settings that override the preset.
        resume: Go on where a checkpoint is found, start where none is.
        overwrite: Move a finished output folder aside.
        forecasters: For evaluate: several evaluators, or ["all"].
        full_data: For evaluate: also train on all data.
        json_file: For evaluate: where to write the table.
        csv_file: For evaluate: where to write the table of several evaluators as CSV.
    """

    source: str
    out: Path
    preset: str = "standard"
    config: Settings = Field(default_factory=dict)
    resume: bool = False
    overwrite: bool = False
    forecasters: tuple[str, ...] | None = None
    full_data: bool = False
    json_file: Path | None = None
    csv_file: Path | None = None

    def distill_job(self) -> DistillJob:
        """The distillation it describes."""
        return DistillJob(
            source=self.source,
            out=self.out,
            preset=self.preset,
            layers=(self.config,),
            resume=self.resume,
            overwrite=self.overwrite,
        )

    def evaluate_job(self) -> EvaluateJob:
        """The evaluation it describes; the artifact's settings hold unless overridden.

        The same file may describe the distillation, so its other settings are checked and left
        alone.

        Raises:
            ConfigError: Unknown or unsuitable settings, in any section.
        """
        build_config(self.preset, self.config)
        return EvaluateJob(
            folder=self.out,
            source=self.source,
            layers=(evaluation_layer(self.config),),
            forecasters=self.forecasters,
            full_data=self.full_data,
            json_file=self.json_file,
            csv_file=self.csv_file,
        )


class TrainFile(YamlFile):
    """What a YAML file of ``jobs/train.py`` holds.

    Args:
        source: SOURCE, the real series.
        out: Output folder.
        distilled: Folder of a distilled data set to train on; without it all train windows.
        register_as: Name in MLflow's model registry.
        resume: Go on where a checkpoint is found, start where none is.
        overwrite: Move a finished output folder aside.
        config: Settings of the training.
    """

    source: str
    out: Path
    distilled: Path | None = None
    register_as: str | None = None
    resume: bool = False
    overwrite: bool = False
    config: TrainConfig = TrainConfig()


class RankFile(YamlFile):
    """What a YAML file of ``jobs/rank.py`` holds.

    Args:
        source: SOURCE, the real series.
        out: Folder of the distilled data set; the ranking is written to ``rank`` inside.
        config: Settings that override those of the data set.
        rank: Configurations, and what ranks them.
        overwrite: Move an earlier ranking aside first.
        json_file: Where to write the result, besides.
    """

    source: str
    out: Path
    config: Settings = Field(default_factory=dict)
    rank: RankConfig = RankConfig()
    overwrite: bool = False
    json_file: Path | None = None


class TuneFile(YamlFile):
    """What a YAML file of ``tuning/`` holds.

    Args:
        source: SOURCE.
        out: Output folder of the sweep.
        preset: Preset of the trials.
        config: Settings of every trial that override the preset.
        search: What is searched, how, and for how long.
        models: Search a model on a distilled data set, and train the best on everything.
        resume: Go on where a sweep is found, start where none is.
        overwrite: Move a finished sweep aside.
    """

    source: str
    out: Path
    preset: str = "standard"
    config: Settings = Field(default_factory=dict)
    search: SearchConfig = SearchConfig()
    models: ModelsConfig | None = None
    resume: bool = False
    overwrite: bool = False

    @classmethod
    def parse(cls, tree: Mapping[str, Any]) -> Self:
        """Check a YAML tree; values to choose from get the types of the setting they are for.

        Raises:
            ConfigError: All problems, on one line.
        """
        search = tree.get("search")
        if isinstance(search, Mapping) and isinstance(search.get("space"), Mapping):
            space = search["space"]
            typed = {name: _typed_choice(name, dimension) for name, dimension in space.items()}
            tree = {**tree, "search": {**search, "space": typed}}
        return super().parse(tree)


def _typed_choice(name: str, dimension: Any) -> Any:
    if not isinstance(dimension, Mapping) or not isinstance(dimension.get("choice"), list):
        return dimension
    return {**dimension, "choice": [_typed(name, value) for value in dimension["choice"]]}


def _typed(name: str, value: Any) -> Any:
    node: Any = typed_layer(with_settings({}, [(name, value)]), DistillConfig)
    for part in name.split("."):
        node = node[part]
    return node
