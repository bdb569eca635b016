"""A graph that the user gives: who takes it, and reading it for a source."""

from __future__ import annotations

from collections.abc import Sequence

from stemdist_ray.config import EvaluationConfig, TrainingConfig
from stemdist_ray.data.graphs import read_graph
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters import check_takes_graph, takes_graph
from stemdist_ray.progress import Reporter


def check_graph(
    config: EvaluationConfig | TrainingConfig, forecasters: Sequence[str], reporter: Reporter
) -> None:
    """Make sure, before anything is read, that somebody takes the graph; say who does not.

    Args:
        config: Names the graph.
        forecasters: That are to be trained, by name.
        reporter: Is told where some take it and others do not.

    Raises:
        ConfigError: None of them takes one, or there is a kind of graph but no graph.
    """
    setting = f"{config.section}.graph"
    if config.graph is None:
        if config.graph_kind is not None:
            raise ConfigError(
                f"{setting}_kind is {config.graph_kind} but there is no graph; give {setting}, too"
            )
        return
    takers = [name for name in forecasters if takes_graph(name)]
    if not takers:
        check_takes_graph(forecasters[0], setting)
    others = [name for name in forecasters if name not in takers]
    if others:
        reporter.say(
            f"the graph goes to {', '.join(takers)}; {', '.join(others)} take none and are trained "
            "without"
        )


def with_given_graph(
    source: PreparedSource, config: EvaluationConfig | TrainingConfig, reporter: Reporter
) -> PreparedSource:
    """The source with the graph that the settings name, as it is where they name none.

    Raises:
        DataError: The file cannot be read, or is for other locations.
    """
    if config.graph is None:
        return source
    setting = f"{config.section}.graph_kind"
    graph = read_graph(config.graph, source.location_ids, config.graph_kind, setting)
    reporter.say(f"graph {graph.about}")
    return source.with_graph(graph)
