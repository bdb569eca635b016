"""The configurations that are ranked: forecaster, rate, width."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from pydantic import ValidationError

from stemdist_ray.config import (
    BudgetConfig,
    ConfigurationEntry,
    ConfigurationGrid,
    ForecasterConfig,
    RankConfig,
    describe_validation_error,
)
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters import FORECASTERS, check_forecaster, options_of_width

FEWEST = 3  # of two, any order agrees with any other or is its reverse
_BUDGET = ("averaging", "warmup_steps")
_SETTABLE = "forecaster.options.NAME, forecaster.precision, evaluation.averaging and "
_SETTABLE += "evaluation.warmup_steps"

# Good and bad: nine networks, rates that are low and high for them, a quarter of the width. Costly
# networks are narrow: full training, which the ranking is held against, would take hours with them.
_USUAL, _LOW, _HIGH = 2e-3, 3e-4, 1e-2
_DEFAULT = (
    *(("stid", rate, 1.0) for rate in (_USUAL, _LOW, _HIGH)),
    ("stid", _USUAL, 0.25),
    *(("dlinear", rate, 1.0) for rate in (_USUAL, _LOW, _HIGH)),
    ("stnorm", _USUAL, 1.0),
    ("stnorm", _LOW, 1.0),
    ("stnorm", _USUAL, 0.25),
    ("stgcn", _USUAL, 1.0),
    *(("stgcn", rate, 0.25) for rate in (_USUAL, _HIGH)),
    *(("itransformer", rate, 0.25) for rate in (_USUAL, _LOW, _HIGH)),
    *(("fouriergnn", rate, 0.25) for rate in (_USUAL, _HIGH)),
    ("mtgnn", _USUAL, 1.0),
    *(("mtgnn", rate, 0.25) for rate in (_USUAL, _HIGH)),
    *(("graph_wavenet", rate, 0.25) for rate in (_USUAL, _HIGH)),
    ("agcrn", _USUAL, 0.25),
)


@dataclass(frozen=True)
class Configuration:
    """One configuration, ready to be trained.

    Args:
        name: Of its own within a ranking.
        forecaster: What is trained, options and precision included.
        learning_rate: Adam rate.
        width: Times the default widths, as it was asked for.
        budget: Other settings of the training that it brings along, by name.
    """

    name: str
    forecaster: ForecasterConfig
    learning_rate: float
    width: float = 1.0
    budget: Mapping[str, Any] = field(default_factory=dict)

    def budget_of(self, shared: BudgetConfig) -> BudgetConfig:
        """The budget that all share, with this configuration's rate and settings."""
        return shared.model_copy(update={**self.budget, "learning_rate": self.learning_rate})

    def to_json(self) -> dict[str, Any]:
        """As plain data; decides a training together with its budget, data and seed."""
        return {
            "name": self.name,
            "forecaster": self.forecaster.model_dump(mode="json"),
            "learning_rate": self.learning_rate,
            "width": self.width,
            "budget": dict(self.budget),
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Configuration:
        """Read what :meth:`to_json` wrote."""
        return cls(
            name=str(tree["name"]),
            forecaster=ForecasterConfig.model_validate(tree["forecaster"]),
            learning_rate=float(tree["learning_rate"]),
            width=float(tree["width"]),
            budget=dict(tree["budget"]),
        )


def default_configurations() -> tuple[Configuration, ...]:
    """Twenty-four that span good and bad: nine forecasters, rates and widths."""
    entries = (
        ConfigurationEntry(forecaster=name, learning_rate=rate, width=width)
        for name, rate, width in _DEFAULT
    )
    return tuple(configuration_of(entry) for entry in entries)


def configurations_of(config: RankConfig) -> tuple[Configuration, ...]:
    """The configurations that settings ask for, checked, in their order.

    Raises:
        ConfigError: Fewer than three, two of one name, an unknown forecaster or setting.
    """
    if not config.configurations and config.grid is None:
        return default_configurations()
    entries = (*config.configurations, *_entries_of(config.grid))
    found = tuple(configuration_of(entry) for entry in entries)
    names = [one.name for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"two configurations are called {twice[0]}; leave one of them out, or give each a name"
        )
    if len(found) < FEWEST:
        raise ConfigError(
            f"a ranking needs at least {FEWEST} configurations; found {len(found)}: add some, or "
            "leave all out for those that are built in"
        )
    return found


def configuration_of(entry: ConfigurationEntry) -> Configuration:
    """Check one entry and fill it in.

    Raises:
        ConfigError: Unknown forecaster, option or setting; or a width for one that has none.
    """
    name = entry.name or f"{entry.forecaster}-{entry.learning_rate:g}-w{entry.width:g}"
    try:
        given, budget = _given(entry.set)
        options = {**options_of_width(entry.forecaster, entry.width), **given.pop("options", {})}
        forecaster = ForecasterConfig(name=entry.forecaster, options=options, **given)
        check_forecaster(forecaster)
        shared = BudgetConfig.model_validate(budget)
    except ValidationError as error:
        text = describe_validation_error(error).removeprefix("configuration: ")
        raise ConfigError(f"configuration {name}: {text}") from error
    except ConfigError as error:
        raise ConfigError(f"configuration {name}: {error}") from error
    settled = {key: getattr(shared, key) for key in budget}
    return Configuration(name, forecaster, entry.learning_rate, entry.width, settled)


def _given(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings by dotted name: those of the forecaster, and those of the budget."""
    forecaster, budget = dict[str, Any](), dict[str, Any]()
    for name, value in settings.items():
        section, _, rest = name.partition(".")
        if section == "evaluation" and rest in _BUDGET:
            budget[rest] = value
        elif name == "forecaster.precision":
            forecaster["precision"] = value
        elif name.startswith("forecaster.options.") and rest.count(".") == 1:
            forecaster.setdefault("options", {})[rest.removeprefix("options.")] = value
        else:
            raise ConfigError(f"set takes {_SETTABLE}; found {name}, which all of them share")
    return forecaster, budget


def _entries_of(grid: ConfigurationGrid | None) -> Iterator[ConfigurationEntry]:
    if grid is None:
        return
    for name, rate in product(grid.forecaster, grid.learning_rate):
        widths = grid.width if FORECASTERS.get(name).widths else (1.0,)
        for width in widths:
            yield ConfigurationEntry(forecaster=name, learning_rate=rate, width=width)
