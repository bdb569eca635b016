"""What a ranking leaves beside its data set: every training as it ends, then the tables.

A training that is kept is never computed again: a ranking that was interrupted, or is asked for
more seeds, goes on with what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from stemdist_ray.artifact.generation import RANK, generation
from stemdist_ray.artifact.tensors import write_table
from stemdist_ray.comparison.ranking.cells import Cell, CellTask
from stemdist_ray.comparison.ranking.page import markdown
from stemdist_ray.comparison.ranking.result import Ranking
from stemdist_ray.config import describe_differences, flatten
from stemdist_ray.errors import ArtifactError, ConfigError
from stemdist_ray.system.files import replacing_file, sweep, write_text
from stemdist_ray.system.seal import read_sealed, write_sealed

VERSION = 1
JUDGED = "judged"
_AGAIN = "delete it, and run stemdist rank again"
# Without the settings nobody could tell of which the trainings beside them are.
_ASIDE = "move the whole ranking aside with overwrite=True, and begin anew"


class RankStore:
    """The one place that knows the files of a ranking.

    Args:
        folder: Of the data set.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / RANK
        self.settings = self.folder / "settings.json"
        self.result = self.folder / "rank.json"
        self.table = self.folder / "rank.parquet"
        self.page = self.folder / "rank.md"
        self.figure = self.folder / "rank.png"
        self._cells = self.folder / "cells"

    def begin(self, deciding: Mapping[str, Any]) -> None:
        """Write down what decides all trainings, or make sure that it is as before.

        Raises:
            ConfigError: Trainings were kept with other settings, readings or data.
            ArtifactError: The file is damaged, or gone while trainings are there.
        """
        flat = flatten(deciding)
        sweep(self._cells)
        try:
            tree = read_sealed(self.settings, _ASIDE)
        except FileNotFoundError:
            if self._cells.exists() and any(self._cells.iterdir()):
                raise ArtifactError(f"{self.settings} is gone; {_ASIDE}") from None
            write_sealed(self.settings, {"version": VERSION, "deciding": flat})
            return
        if tree.get("version") != VERSION or not isinstance(tree.get("deciding"), dict):
            raise ArtifactError(f"{self.settings} is of another release; {_ASIDE}")
        self._compare(tree["deciding"], flat)

    def _compare(self, before: Mapping[str, Any], now: Mapping[str, Any], what: str = "") -> None:
        differences = describe_differences(before, _plain(now))
        if differences:
            raise ConfigError(
                f"{self.folder} holds trainings with other settings{what}: {differences}. Give "
                "those again, or overwrite=True to move them aside and begin anew"
            )

    def move_aside(self) -> None:
        """Move what is there to ``rank.previous``; nothing that was computed is lost."""
        if not self.folder.exists():
            return
        previous = self.folder.with_name(f"{RANK}.previous")
        if previous.exists():
            stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(previous.stat().st_mtime))
            previous.replace(previous.with_name(f"{previous.name}-{stamp}"))
        self.folder.replace(previous)

    def kept(self, task: CellTask) -> Cell | None:
        """The training of a task where it was kept, None where it is still to be done.

        Raises:
            ConfigError: One of that name was another one.
            ArtifactError: The file is damaged.
        """
        path = self._path(task)
        try:
            tree = read_sealed(path, _AGAIN)
        except FileNotFoundError:
            return None
        try:
            cell, before = Cell.from_json(tree["cell"]), tree["deciding"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtifactError(f"{path} is damaged: {error!r}; {_AGAIN}") from error
        self._compare(before, flatten(task.deciding()), f" of {task.name}")
        return cell

    def keep(self, task: CellTask, cell: Cell) -> None:
        """Write down a training that has ended."""
        tree = {"deciding": flatten(task.deciding()), "cell": cell.to_json()}
        write_sealed(self._path(task), tree)

    def _path(self, task: CellTask) -> Path:
        trained_on, configuration, repeat = task.key
        # Trainings of other epochs stand beside each other, so that more can be tried.
        data = trained_on if task.epochs is None else f"{trained_on}-{task.epochs}"
        return self._cells / f"{data}.{configuration}.{repeat}.json"

    def write(
        self,
        ranking: Ranking,
        judged: str | None,
        figure: bytes,
        executions: Sequence[Mapping[str, Any]],
    ) -> None:
        """Write JSON, table, page and figure.

        Args:
            ranking: The result.
            judged: Which data set was judged: the sha256 of its manifest.
            figure: PNG.
            executions: Who ran what where.
        """
        write_table(self.table, pa.Table.from_pylist(ranking.to_records(), schema=_SCHEMA))
        write_text(self.page, markdown(ranking))
        with replacing_file(self.figure) as aside:
            aside.write_bytes(figure)
        tree = {**ranking.to_json(), "executions": list(executions), JUDGED: judged}
        write_sealed(self.result, tree)

    def holds(self, ranking: Ranking) -> bool:
        """Whether it is this ranking that was written, not one before it."""
        try:
            found = self.read()
        except ArtifactError:
            return False
        return found is not None and found.cells == ranking.cells

    def read(self) -> Ranking | None:
        """The ranking of the data set in the folder; None where there is none of this one.

        Raises:
            ArtifactError: The file is damaged.
        """
        try:
            tree = read_sealed(self.result, _AGAIN)
        except FileNotFoundError:
            return None
        if tree.get(JUDGED) != generation(self.folder.parent):
            return None
        try:
            return Ranking.from_json(tree)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtifactError(f"{self.result} is damaged: {error!r}; {_AGAIN}") from error


def _plain(flat: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON gives it back: lists for tuples."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in flat.items()}


_SCHEMA = pa.schema(
    [
        ("trained_on", pa.string()),
        ("configuration", pa.string()),
        ("forecaster", pa.string()),
        ("learning_rate", pa.float64()),
        ("width", pa.float64()),
        ("repeat", pa.int64()),
        ("validation_relative_rmse", pa.float64()),
        ("test_relative_rmse", pa.float64()),
        ("fit_seconds", pa.float64()),
        ("seconds", pa.float64()),
        ("optimizer_steps", pa.int64()),
        ("best_epoch", pa.int64()),
        ("num_parameters", pa.int64()),
        ("peak_rss_mib", pa.float64()),
        ("failed", pa.string()),
    ]
)
