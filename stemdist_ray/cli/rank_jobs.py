"""The ranking as people start it: settings in, printed results out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.artifact.rank_files import RankStore
from stemdist_ray.cli.files import RankFile
from stemdist_ray.cli.outputs import check_files, check_outputs, say
from stemdist_ray.cli.tables import rank_table
from stemdist_ray.comparison.ranking.result import Ranking
from stemdist_ray.config import DistillConfig, build_config, merge_layers, out_of_place
from stemdist_ray.config.yaml_files import kind_of, read_yaml_tree
from stemdist_ray.errors import ConfigError
from stemdist_ray.pipeline import rank
from stemdist_ray.pipeline.rank_job import UNUSED, rank_settings
from stemdist_ray.progress import console_reporter
from stemdist_ray.system.files import write_json

_SETTINGS = ("evaluation", "seed", "streaming", "tracking", "worker")
_KEYS = {"configurations", "grid"}


def run_rank(job: RankFile, console: Console) -> Ranking:
    """Run a ranking and print its table."""
    check_outputs(out=job.out, json_file=job.json_file)
    check_files(json_file=job.json_file)
    config = ranking_config(SyntheticDataset.load(job.out), job.config)
    try:
        with console_reporter(console) as reporter:
            result = rank(
                job.out,
                job.source,
                job.rank,
                config,
                overwrite=job.overwrite,
                reporter=reporter,
            )
    except KeyboardInterrupt:
        say(console, "interrupted; the same command goes on after the trainings that have ended")
        raise
    if job.json_file is not None:
        write_json(job.json_file, result.to_json())
    console.print(rank_table(result))
    store = RankStore(job.out)
    # A folder that cannot be written to may hold what an earlier ranking left.
    if store.holds(result):
        folder = store.folder
        names = "rank.md, rank.png, rank.parquet, rank.json"
        say(console, f"wrote {names} in {shlex.quote(str(folder))}")
    return result


def ranking_config(dataset: SyntheticDataset, layer: Mapping[str, Any]) -> DistillConfig:
    """The data set's settings under those of the ranking.

    Raises:
        ConfigError: A setting is unknown, or one that a ranking does not use.
    """
    own = rank_settings(dataset.config).model_dump(mode="json")
    config = build_config("standard", merge_layers(own, layer))
    unused = out_of_place(layer, _SETTINGS, [f"evaluation.{name}" for name in UNUSED])
    if unused:
        raise ConfigError(
            f"a ranking takes settings of {', '.join(_SETTINGS)}; found {', '.join(unused)}, which "
            "are those of the data set or of every configuration; leave them out"
        )
    return config


def read_configurations(path: Path | None) -> dict[str, Any]:
    """The part of a ranking's settings that ``--configs`` names; empty for None.

    Args:
        path: YAML: a list of configurations, or a mapping with ``configurations``, ``grid`` or
            both.

    Raises:
        ConfigError: The file cannot be read, or is neither.
    """
    if path is None:
        return {}
    tree = read_yaml_tree(path)
    if isinstance(tree, list):
        return {"configurations": tree}
    if isinstance(tree, dict) and tree and set(tree) <= _KEYS:
        return tree
    found = ", ".join(tree) if isinstance(tree, dict) and tree else kind_of(tree)
    raise ConfigError(
        f"{path}: expected a list of configurations, or configurations: and grid:; found {found}"
    )
