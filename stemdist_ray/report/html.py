"""A self-contained HTML page about one distilled data set."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from stemdist_ray.artifact.dataset import CROSS_EVALUATION, EVALUATION, EXAMPLES, SyntheticDataset
from stemdist_ray.config import flatten
from stemdist_ray.errors import ArtifactError
from stemdist_ray.evaluation.cost import break_even
from stemdist_ray.files import replacing_file, write_text
from stemdist_ray.report import figures
from stemdist_ray.report.figures import Picture

_TITLES = {
    "distilled": "distilled data",
    "random_subset": "random real subset, same size",
    "centroid": "unlearned centroids, same size",
    "node_sampled": "full data, node-sampled, same steps",
    "full_data": "full data, to convergence",
    "last_value": "last value",
    "historical_average": "historical average",
    "ridge": "ridge on lags, full data",
}

_OBJECTIVES = {"gradient": "gradient distance", "unrolled": "train loss after\nunrolled training"}


@dataclass(frozen=True)
class TableRow:
    """One row of the result table, numbers formatted."""

    title: str
    cells: tuple[str, ...]
    trivial: bool


def write_report(folder: Path, output: Path | None = None) -> Path:
    """Write the report of an artifact, and its figures as SVG and PNG in ``figures/``.

    Args:
        folder: Artifact, with ``evaluation.json`` when it has been evaluated.
        output: HTML file; ``report.html`` in the folder when None.

    Raises:
        ArtifactError: The folder is not a complete artifact.
    """
    view = run_view(folder)
    cross = read_table(folder / CROSS_EVALUATION)
    if cross is not None and cross["forecasters"]:
        view["pictures"].append(
            figures.cross_architecture(cross["forecasters"], cross["naive"], _TITLES)
        )
    save_pictures(folder / "figures", view["pictures"])
    target = output or folder / "report.html"
    more = {"cross_rows": _cross_rows(cross) if cross else [], "cross": cross}
    write_text(target, render("report.html.j2", view | more))
    return target


def run_view(folder: Path) -> dict[str, Any]:
    """All that a page says of one distilled data set, figures included.

    Raises:
        ArtifactError: The folder is not a complete artifact.
    """
    dataset = SyntheticDataset.load(folder)
    evaluation = read_table(folder / EVALUATION)
    return {
        "manifest": dataset.manifest,
        "headline": _headline(dataset.manifest, evaluation),
        "outcome": outcome(dataset.manifest, evaluation),
        "rows": _table_rows(evaluation) if evaluation else [],
        "repeats": evaluation["repeats"] if evaluation else 0,
        "steps": evaluation["optimizer_steps"] if evaluation else 0,
        "forecaster": evaluation["forecaster"] if evaluation else "",
        "pictures": _pictures(folder, dataset, evaluation),
        "settings": flatten(dataset.manifest["config"]),
    }


def render(template: str, view: Mapping[str, Any]) -> str:
    """Fill a template of this package."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("stemdist_ray.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(view)


def save_pictures(folder: Path, pictures: Sequence[Picture]) -> None:
    """Write figures as SVG and PNG."""
    for picture in pictures:
        write_text(folder / f"{picture.name}.svg", picture.svg)
        with replacing_file(folder / f"{picture.name}.png") as aside:
            aside.write_bytes(picture.png)


def read_table(path: Path) -> dict[str, Any] | None:
    """Read a result table, None where there is none.

    Raises:
        ArtifactError: It is damaged.
    """
    if not path.exists():
        return None
    try:
        tree: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} is damaged: {error}; run stemdist evaluate again") from error
    return tree


def _pictures(
    folder: Path, dataset: SyntheticDataset, evaluation: dict[str, Any] | None
) -> list[Picture]:
    manifest = dataset.manifest
    unit = manifest["target"]["unit"]
    objective = _OBJECTIVES[manifest["config"]["matching"]["objective"]]
    best = manifest["result"]["best_round"]
    pictures = [figures.convergence(manifest["history"], best, objective)]
    if evaluation is not None:
        pictures.append(figures.error_per_horizon(evaluation_rows(evaluation), _TITLES, unit))
    if (folder / EXAMPLES).exists():
        with np.load(folder / EXAMPLES, allow_pickle=False) as file:
            examples = {name: file[name] for name in file.files}
        target = manifest["target"]["position"]
        scale, shift = dataset.scaler.std[target], dataset.scaler.mean[target]
        for kind in ("real", "learned"):
            examples[f"{kind}_x"] = examples[f"{kind}_x"][:, :, target] * scale + shift
            examples[f"{kind}_y"] = examples[f"{kind}_y"] * scale + shift
        pictures.append(figures.example_windows(examples, unit))
    pictures.append(figures.cluster_sizes(dataset.cluster_size))
    if dataset.coordinates is not None:
        pictures.append(figures.cluster_map(dataset.coordinates, dataset.assignment))
    return pictures


def evaluation_rows(evaluation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All rows of an evaluation by name, the distilled one first."""
    rows = {"distilled": evaluation}
    for name in ("random_subset", "centroid", "node_sampled", "full_data"):
        if evaluation.get(name) is not None:
            rows[name] = evaluation[name]
    return {**rows, **evaluation["naive"]}


def _table_rows(evaluation: dict[str, Any]) -> list[TableRow]:
    rows = []
    for name, row in evaluation_rows(evaluation).items():
        trivial = name in evaluation["naive"]
        cells = [
            _number(row["relative_rmse"], 3, not trivial),
            _number(row["relative_mae"], 3, not trivial),
            _number(row["mae"], 3, not trivial),
            _number(row["rmse"], 3, not trivial),
            _number(row["mape"], 1, not trivial),
            _number(row["validation"]["relative_rmse"], 3, not trivial),
            "" if trivial else f"{row['train_seconds']:.1f}",
            "" if trivial else f"{row['peak_rss_mib']:.0f}",
        ]
        rows.append(TableRow(_TITLES[name], tuple(cells), trivial))
    return rows


def _cross_rows(cross: dict[str, Any]) -> list[list[str]]:
    return [
        [
            forecaster,
            _TITLES[name],
            _number(row["relative_rmse"], 3, True),
            _number(row["relative_mae"], 3, True),
            _number(row["validation"]["relative_rmse"], 3, True),
            str(row["optimizer_steps"]),
            f"{row['train_seconds']:.1f}",
            f"{row['peak_rss_mib']:.0f}",
        ]
        for forecaster, results in cross["forecasters"].items()
        for name, row in results.items()
    ]


def _number(entry: dict[str, float | None], digits: int, spread: bool) -> str:
    if entry["mean"] is None:
        return "n/a"
    text = f"{entry['mean']:.{digits}f}"
    return f"{text} ± {entry['std']:.{digits}f}" if spread else text


def _headline(manifest: dict[str, Any], evaluation: dict[str, Any] | None) -> str:
    size = manifest["size"]
    smaller = (
        f"{size['real_windows']} x {size['real_locations']} windows of "
        f"{manifest['source']['name']} became {size['windows']} x {size['locations']}: "
        f"{size['real_bytes'] / size['bytes']:,.0f} times smaller."
    )
    return f"{smaller} {outcome(manifest, evaluation)}"


def outcome(manifest: dict[str, Any], evaluation: dict[str, Any] | None) -> str:
    """What training on the distilled data gives beside the alternatives, and when it pays."""
    if evaluation is None:
        return "Not evaluated yet: run stemdist evaluate."
    own = evaluation["relative_rmse"]["mean"]
    rivals = evaluation_rows(evaluation)
    naive = min(evaluation["naive"], key=lambda n: evaluation["naive"][n]["relative_rmse"]["mean"])
    parts = [
        f"{_TITLES[name]} {rivals[name]['relative_rmse']['mean']:.3f}"
        for name in ("random_subset", "centroid", "node_sampled", "full_data", naive)
        if name in rivals
    ]
    return (
        f"A forecaster trained on them reaches a test relative RMSE of {own:.3f}; "
        f"{', '.join(parts)}. Lower is better. {_pays(manifest, evaluation)}"
    )


def _pays(manifest: dict[str, Any], evaluation: dict[str, Any]) -> str:
    """After how many trained models distilling has saved time."""
    full = evaluation.get("full_data")
    stages = {name: stage["seconds"] for name, stage in manifest["stages"].items()}
    # The stages of a run that was resumed are those of its last process; rounds are all known.
    rounds = sum(r["seconds"] + r["validation_seconds"] for r in manifest["history"])
    spent = sum(stages.values()) - stages["distill"] + max(stages["distill"], rounds)
    if full is None:
        return (
            f"Distilling took {spent:.0f} s; stemdist evaluate --full-data measures after how many "
            "trained models it pays."
        )
    models = break_even(spent, full["train_seconds"], evaluation["train_seconds"])
    if models is None:
        return "Training on the full data is as fast: distilling saves no time here."
    return (
        f"Distilling took {spent:.0f} s; one training takes {evaluation['train_seconds']:.1f} s "
        f"instead of {full['train_seconds']:.1f} s on the full data, so it pays from the "
        f"{models}{_ordinal(models)} model on."
    )


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
