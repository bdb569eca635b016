"""The search space of a search for models: settings of a forecaster and of its training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.config import (
    ForecasterConfig,
    build_config,
    merge_layers,
    out_of_place,
    with_settings,
)
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters import FORECASTERS, check_forecaster, options_of_width
from stemdist_ray.pipeline.rank_job import rank_settings
from stemdist_ray.sweeps.config import ModelsConfig, RangeConfig, SearchConfig
from stemdist_ray.sweeps.space import Point, SearchSpace

WIDTH = "width"
_SEARCHED = ("forecaster.", "evaluation.")
# Settings of an evaluation that are of all trials alike, and those that no trial uses.
_ALIKE = ("validation_windows", "repeats", "graph", "graph_kind")
_UNUSED = (
    *("tracks", "protocol", "curve", "rate_factors", "more_rows", "prune_share", "prune_last"),
    *("full_data_batch", "full_data_epochs", "full_data_patience"),
    *("zero_shot", "zero_shot_context", "zero_shot_windows"),
)
_GIVEN = ("evaluation", "forecaster", "seed", "streaming", "tracking", "worker")
_REFUSED = ("worker.num_workers", *(f"evaluation.{name}" for name in _UNUSED))
_OF_READING = ("locations_file", "memory_budget")  # all of `data` that is not the data set's
_OBJECTIVES = ("error", "train_seconds")


@dataclass(frozen=True)
class ModelSpace(SearchSpace):
    """Ranges of settings ``forecaster.*``, ``evaluation.*`` and ``width``.

    ``width`` is times the forecaster's default widths; those without widths leave it alone.
    """

    def check(self) -> None:
        """Make sure that every name can be searched and every forecaster exists.

        Raises:
            ConfigError: One cannot.
        """
        for name in self.search.space:
            shared = name.removeprefix("evaluation.") in (*_ALIKE, *_UNUSED)
            if name != WIDTH and (shared or not name.startswith(_SEARCHED)):
                raise ConfigError(
                    f"search.space: a search for models takes {WIDTH} and settings of "
                    f"{', '.join(n + 'NAME' for n in _SEARCHED)} that one trial may have by "
                    f"itself; found {name}"
                )
        unknown = [name for name in self.search.objectives if name not in _OBJECTIVES]
        if unknown or self.search.budget is not None:
            found = ", ".join(unknown) or "search.budget"
            raise ConfigError(
                "a search for models has no sizes of data sets: search.objectives are of "
                f"{', '.join(_OBJECTIVES)}, without search.budget; found {found}"
            )
        for name in self.forecasters():
            check_forecaster(ForecasterConfig(name=name))
        super().check()

    def forecasters(self) -> list[str]:
        """Names of all that are searched."""
        names = self.search.space.get("forecaster.name", RangeConfig(choice=(self._default(),)))
        return [str(name) for name in names.choice or ()]

    def settings(self, point: Point) -> dict[str, Any]:
        """The layers of a trial merged; see :meth:`SearchSpace.settings`."""
        own = {name: value for name, value in point.items() if name != WIDTH}
        kind = str(own.get("forecaster.name", self._default()))
        options = {}
        if WIDTH in point and FORECASTERS.get(kind).widths:
            options = options_of_width(kind, float(point[WIDTH]))
        named = {f"forecaster.options.{name}": value for name, value in options.items()}
        tree = with_settings(self.layer, {**named, **own}.items())
        check_forecaster(build_config(self.preset, tree).forecaster)
        return tree

    def _default(self) -> str:
        return build_config(self.preset, self.layer).forecaster.name

    def _admits(self, point: Point) -> bool:
        return True  # the size of the data set is what it is


def model_space(
    models: ModelsConfig, search: SearchConfig, preset: str, config: Mapping[str, Any]
) -> ModelSpace:
    """The space over the settings of a data set, with the budget of a ranking.

    Args:
        models: Names the data set.
        search: What is searched.
        preset: That was asked for; the settings of the data set take its place.
        config: Settings of every trial that override those.

    Raises:
        ArtifactError: There is no data set.
        ConfigError: A preset was asked for, or settings that are the data set's or have no effect.
    """
    if preset != "standard":
        raise ConfigError(
            f"a search for models has the settings of its data set; found preset {preset}, leave "
            "it out"
        )
    _check_given(config)
    own = rank_settings(SyntheticDataset.load(models.distilled).config).model_dump(mode="json")
    over = {
        # The options of the surrogate say nothing about others, nor its rounds about a training.
        "forecaster": {"options": {}},
        "rounds": 0,
        "data": {"locations_file": None},
    }
    # A trial trains in its own process; how many run beside each other is for search.concurrent.
    alone = {"worker": {"num_workers": 0}}
    return ModelSpace(search, "standard", merge_layers(own, over, config, alone))


def _check_given(config: Mapping[str, Any]) -> None:
    """Refuse settings that are the data set's, or that would change nothing."""
    data = config.get("data")
    names = data if isinstance(data, Mapping) else ()  # anything else is refused as a setting
    reading = [f"data.{name}" for name in names if name not in _OF_READING]
    unused = out_of_place(config, (*_GIVEN, "data"), (*reading, *_REFUSED))
    if unused:
        raise ConfigError(
            f"a search for models takes settings of {', '.join(_GIVEN)}; found "
            f"{', '.join(unused)}, which the data set decides or a trial does not use (how many "
            "train beside each other is search.concurrent); leave them out"
        )
