"""What a method is: readings and a budget in, a data set of that size out.

All methods give the same artifact: some windows of some locations, inputs and targets, with the
base of the run and what is known of the windows. They differ in which windows and locations these
are, and in what is learned. Axis letters: W windows, L lookback, H horizon, K synthetic locations,
N real locations, F features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from stemdist_ray.baselines.size import (
    Sizes,
    all_locations,
    check_memory,
    check_windows,
    even_ratios,
)
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import DistillConfig, describe_validation_error
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.distillation.budget import balances
from stemdist_ray.distillation.experts import Expert, ExpertPlan
from stemdist_ray.distillation.start import (
    Start,
    clustered_data,
    num_clusters,
    num_synthetic_windows,
)
from stemdist_ray.distillation.state import KnownParts, SyntheticState
from stemdist_ray.distillation.task import RealData
from stemdist_ray.errors import ConfigError
from stemdist_ray.registry import Registry
from stemdist_ray.system.threads import torch_threads

OWN = "stemdist"
"""Name of the method that this library is about: clusters, start, teacher, rounds."""

Compresses = Literal["windows and locations", "windows", "windows, or both"]
"""What is made fewer; "or both": by option ``locations`` = medoids."""


class MethodOptions(BaseModel):
    """Base of the hyper-parameters of a method; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class MethodWork:
    """What a method is given.

    Args:
        real: The scaled train split of the N locations, with the base of the run if there is one.
        config: Of the run: ratios, seed, threads.
        options: Of the method.
        device: "cpu" or "cuda".
        experts: Forecasters trained on the real data, as :attr:`Method.experts` asked for.
    """

    real: RealData
    config: DistillConfig
    options: Any
    device: str = "cpu"
    experts: tuple[Expert, ...] = ()

    @property
    def num_windows(self) -> int:
        """W."""
        return num_synthetic_windows(self.config, self.real)

    @property
    def num_locations(self) -> int:
        """K."""
        return num_clusters(self.config, self.real)


@dataclass(frozen=True)
class Made:
    """What a method gives.

    Args:
        clustering: Which synthetic location stands for which real ones, and how much each counts.
        state: The synthetic windows, targets included: readings, or what was learned.
        known: What is known of them: calendar and base.
        objectives: What was made smaller, value by value, where something was.
    """

    clustering: Clustering
    state: SyntheticState
    known: KnownParts
    objectives: tuple[float, ...] = ()


@dataclass(frozen=True)
class Method:
    """A method.

    Args:
        name: By which it is asked for.
        summary: What it does, in a line.
        source: Where it was published.
        compresses: "windows and locations", or "windows" where all N locations stay, unless an
            option ``locations`` is given as medoids ("windows, or both").
        deviations: What differs from the publication, "" where nothing does.
        uses_teacher: Whether the targets are those of the run's teacher.
        make: Makes the data; a pure function of its argument. None = the library's own steps.
        options: Its hyper-parameters, with the published values as defaults.
        needs: Bytes that making the data takes at its peak, by sizes and options; may raise
            ConfigError where the sizes do not fit. None = hardly more than the series.
        experts: Which experts it needs, of its options; they are trained as tasks of the run and
            handed to ``make``. None = none.
    """

    name: str
    summary: str
    source: str
    compresses: Compresses = "windows and locations"
    deviations: str = ""
    uses_teacher: bool = False
    make: Callable[[MethodWork], Made] | None = None
    options: type[MethodOptions] = field(default=MethodOptions)
    needs: Callable[[Sizes, Any], float] | None = None
    experts: Callable[[Any], ExpertPlan] | None = None

    def read_options(self, given: dict[str, Any]) -> MethodOptions:
        """Check options and fill in those that are not given.

        Raises:
            ConfigError: One is unknown or unsuitable.
        """
        try:
            return self.options.model_validate(given)
        except ValidationError as error:
            known = ", ".join(self.options.model_fields) or "none"
            what = describe_validation_error(error).removeprefix("configuration: ")
            raise ConfigError(f"method_options of {self.name}: {what}; it has: {known}") from error

    def keeps_locations(self, options: MethodOptions) -> bool:
        """Whether all N locations stay with these options."""
        if self.compresses == "windows, or both":
            return getattr(options, "locations", "all") == "all"
        return self.compresses == "windows"


METHODS: Registry[Method] = Registry("method", home=lambda m: getattr(m.make, "__module__", m.name))


def register_method(method: Method) -> Method:
    """Make a method known.

    Raises:
        ConfigError: Another method has its name.
    """
    return METHODS.register(method.name)(method)


def available() -> list[str]:
    """Names of all methods, sorted."""
    return METHODS.names()


def describe_methods() -> list[dict[str, Any]]:
    """All methods as plain data, the library's own first."""
    methods = sorted(METHODS.loaded().values(), key=lambda m: (m.name != OWN, m.name))
    return [
        {
            "name": method.name,
            "summary": method.summary,
            "compresses": method.compresses,
            "teacher": method.uses_teacher,
            "experts": method.experts is not None,
            "source": method.source,
            "deviations": method.deviations,
            "options": method.options().model_dump(mode="json"),
        }
        for method in methods
    ]


def expert_plan(config: DistillConfig) -> ExpertPlan | None:
    """Which experts the method of a run needs, None where it needs none.

    Raises:
        ConfigError: There is no such method, or its options are unsuitable.
    """
    method = METHODS.get(config.method)
    if method.experts is None:
        return None
    return method.experts(method.read_options(config.method_options))


def check_method(config: DistillConfig) -> Method:
    """The method of a run.

    Raises:
        ConfigError: There is no such method, or the settings do not fit it.
    """
    method = METHODS.get(config.method)
    options = method.read_options(config.method_options)
    if method.make is None:
        return method
    if method.experts is not None:
        method.experts(options)  # says what does not fit together
    if config.rounds > 0:
        raise ConfigError(
            f"rounds are those of method {OWN}; {method.name} has none: leave rounds out, "
            f"found {config.rounds}"
        )
    if config.budget is None and method.keeps_locations(options) and config.spatial_ratio < 1:
        either = ""
        if method.compresses == "windows, or both":
            either = ", or method_options.locations=medoids"
        raise ConfigError(
            f"{method.name} keeps all locations: expected spatial_ratio 1, found "
            f"{config.spatial_ratio:g}; give that, or a budget{either}"
        )
    return method


def sized(config: DistillConfig, source: PreparedSource) -> DistillConfig:
    """The configuration with the ratios that a budget comes to, once it is known that they fit.

    Method ``stemdist`` picks its ratios by what they are worth, when its teacher is trained; others
    spend a budget on windows alone, or on windows and locations evenly.

    Raises:
        ConfigError: The budget is too small, or making the data would take too much memory.
    """
    method = METHODS.get(config.method)
    if method.make is None:
        if config.budget is not None:
            balances(config, source)
        return config
    options = method.read_options(config.method_options)
    windows, locations = len(source.starts["train"]), source.windows.num_locations
    if config.budget is not None:
        spend = all_locations if method.keeps_locations(options) else even_ratios
        spatial, temporal = spend(config.budget, windows, locations)
        ratios = {"spatial_ratio": spatial, "temporal_ratio": temporal}
        config = config.model_copy(update=ratios)
    sizes = Sizes.of(config, source)
    if method.needs is not None:
        check_windows(method.name, sizes.windows, windows)
        limit = config.matching.memory_budget
        check_memory(method.name, method.needs(sizes, options), limit)
    return config


@dataclass(frozen=True)
class MethodTask:
    """Making the data of a method.

    Args:
        name: For messages.
        config: Of the run, with the method's name and options.
        device: "cpu" or "cuda".
        experts: That the method asked for.
    """

    name: str
    config: DistillConfig
    device: str
    experts: tuple[Expert, ...] = ()


def run_method(real: RealData, task: MethodTask) -> Made:
    """See :class:`Method`."""
    method = METHODS.get(task.config.method)
    assert method.make is not None
    options = method.read_options(task.config.method_options)
    with torch_threads(task.config.worker.coordinator_threads):
        return method.make(MethodWork(real, task.config, options, task.device, task.experts))


def run_begun(real: RealData, task: MethodTask) -> tuple[Start, Clustering]:
    """What a method makes, as what a run begins with."""
    made = run_method(real, task)
    with torch_threads(task.config.worker.coordinator_threads):
        clustered = clustered_data(real, made.clustering)
    return Start(clustered, made.state, made.known), made.clustering
