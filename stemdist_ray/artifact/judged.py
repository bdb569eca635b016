"""Evaluations beside the data set they judged, and of no other one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from stemdist_ray.artifact.generation import CROSS_EVALUATION, EVALUATION, generation
from stemdist_ray.comparison.table import CrossEvaluation, Evaluation
from stemdist_ray.errors import ArtifactError
from stemdist_ray.system.seal import OWN, read_sealed, write_sealed

logger = logging.getLogger(__name__)

JUDGED = "judged"
_WHAT_TO_DO = "run stemdist evaluate again"
_Table = TypeVar("_Table")


def write_judged(path: Path, tree: Mapping[str, Any], judged: str | None) -> None:
    """Write the table of an evaluation.

    Args:
        path: Of the file, in the data set's folder.
        tree: The table.
        judged: Which data set was judged: the sha256 of its manifest.
    """
    write_sealed(path, {**tree, JUDGED: judged})


def judged_evaluation(folder: Path, modern: bool) -> Evaluation | None:
    """The evaluation of the data set in a folder; None where there is none of this one.

    Args:
        folder: Of the data set.
        modern: Whether it is of a release that writes down what was judged.

    Raises:
        ArtifactError: The file is damaged.
    """
    return _read(folder, EVALUATION, Evaluation.from_json, modern)


def judged_cross_evaluation(folder: Path, modern: bool) -> CrossEvaluation | None:
    """The cross-architecture table; see :func:`judged_evaluation`."""
    return _read(folder, CROSS_EVALUATION, CrossEvaluation.from_json, modern)


def _read(folder: Path, name: str, parse: Callable[[Any], _Table], modern: bool) -> _Table | None:
    path = folder / name
    try:
        tree = read_sealed(path, _WHAT_TO_DO, unsealed=(None,))
    except FileNotFoundError:
        return None
    judged = tree.get(JUDGED)
    # Releases before said neither what was judged, nor sealed what they said.
    unknown = judged is None or OWN not in tree
    if modern if unknown else judged != generation(folder):
        logger.warning("%s is about another data set and is not shown; %s", path, _WHAT_TO_DO)
        return None
    try:
        return parse(tree)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(f"{path} is damaged: {error!r}; {_WHAT_TO_DO}") from error
