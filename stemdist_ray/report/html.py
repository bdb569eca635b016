"""A self-contained HTML page about one distilled data set."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from stemdist_ray.artifact.dataset import EXAMPLES, SyntheticDataset
from stemdist_ray.artifact.generation import locate
from stemdist_ray.artifact.judged import judged_cross_evaluation, judged_evaluation
from stemdist_ray.artifact.manifest import SAYS_WHAT_IT_JUDGED, Manifest
from stemdist_ray.artifact.rank_files import RankStore
from stemdist_ray.comparison.break_even import break_even_lines
from stemdist_ray.comparison.rows import RowResult
from stemdist_ray.comparison.table import (
    DISTILLED,
    CrossEvaluation,
    Evaluation,
)
from stemdist_ray.config import flatten
from stemdist_ray.report import figures
from stemdist_ray.report.figures import Picture, row_look
from stemdist_ray.report.ranking import rank_scatter
from stemdist_ray.system.files import replacing_file, write_text
from stemdist_ray.system.outputs import why_not_writable

_SHEET = re.compile(r"<style[^>]*>\s*\*\s*\{([^}]*)\}\s*</style>")
_STYLE = re.compile(r'\bstyle="([^"]*)"')
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
        folder: Artifact, with ``evaluation.json`` when it has been evaluated, ``rank`` when
            configurations have been ranked.
        output: HTML file; ``report.html`` in the folder when None.

    Raises:
        ArtifactError: The folder is not a complete artifact.
    """
    view = run_view(folder)
    cross = judged_cross_evaluation(folder, _is_modern(view["manifest"]))
    if cross is not None and cross.rows:
        view["pictures"].append(figures.cross_architecture(cross))
    ranking = RankStore(folder).read()
    if ranking is not None:
        view["pictures"].append(rank_scatter(ranking))
    target = output or folder / "report.html"
    beside = folder if why_not_writable(folder) is None else target.parent
    save_pictures(beside / "figures", view["pictures"])
    more = {"cross_rows": _cross_rows(cross) if cross else [], "cross": cross}
    write_text(target, render("report.html.j2", view | more))
    return target


def run_view(folder: Path) -> dict[str, Any]:
    """All that a page says of one distilled data set, figures included.

    Raises:
        ArtifactError: The folder is not a complete artifact.
    """
    dataset = SyntheticDataset.load(folder)
    manifest = dataset.manifest
    evaluation = judged_evaluation(folder, _is_modern(manifest))
    own = None if evaluation is None else evaluation.distilled
    return {
        "manifest": manifest,
        "headline": _headline(manifest, evaluation),
        "outcome": outcome(manifest, evaluation),
        "rows": _table_rows(evaluation) if evaluation else [],
        "repeats": own.test.repeats if own else 0,
        "steps": own.optimizer_steps if own else 0,
        "forecaster": evaluation.forecaster if evaluation else "",
        "pictures": _pictures(folder, dataset, evaluation),
        "settings": flatten(manifest.config.model_dump(mode="json")),
    }


def _is_modern(manifest: Manifest) -> bool:
    """Whether its evaluations say what they judged."""
    return manifest.schema_version >= SAYS_WHAT_IT_JUDGED


def render(template: str, view: Mapping[str, Any]) -> str:
    """Fill a template of this package."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("stemdist_ray.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["without_styles"] = without_styles
    style = environment.get_template("style.css.j2").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # The page needs its own style and pictures inside it, and nothing else: no scripts, no network.
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    return environment.get_template(template).render({**view, "style": style, "policy": policy})


def without_styles(svg: str) -> str:
    """Turn the styles of a drawing of Matplotlib's into attributes, which no policy forbids.

    Its style sheet has one rule, for all elements, which goes to the outermost one.

    Args:
        svg: The drawing as text.
    """
    sheet = _SHEET.search(svg)
    if sheet is not None:
        svg = _SHEET.sub("", svg).replace("<svg", f"<svg {_attributes(sheet[1])}", 1)
    return _STYLE.sub(lambda found: _attributes(found[1]), svg)


def _attributes(style: str) -> str:
    pairs = (entry.split(":", 1) for entry in style.split(";") if ":" in entry)
    return " ".join(f'{name.strip()}="{value.strip()}"' for name, value in pairs)


def save_pictures(folder: Path, pictures: Sequence[Picture]) -> None:
    """Write figures as SVG and PNG."""
    for picture in pictures:
        write_text(folder / f"{picture.name}.svg", picture.svg)
    save_bitmaps(folder, pictures)


def save_bitmaps(folder: Path, pictures: Sequence[Picture]) -> None:
    """Write figures as PNG alone."""
    for picture in pictures:
        with replacing_file(folder / f"{picture.name}.png") as aside:
            aside.write_bytes(picture.png)


def _pictures(
    folder: Path, dataset: SyntheticDataset, evaluation: Evaluation | None
) -> list[Picture]:
    manifest = dataset.manifest
    unit, target = manifest.target.unit, manifest.target.position
    objective = _OBJECTIVES[manifest.config.matching.objective]
    pictures: list[Picture] = []
    if len(manifest.history) > 1:  # without rounds there is nothing to draw
        pictures.append(
            figures.convergence(manifest.history, manifest.result.best_round, objective)
        )
    if evaluation is not None:
        pictures.append(figures.error_per_horizon(evaluation, unit))
        if evaluation.distilled.curve:
            pictures.append(figures.error_over_time(evaluation))
    if locate(folder, EXAMPLES).exists():
        with np.load(locate(folder, EXAMPLES), allow_pickle=False) as file:
            examples = {name: file[name] for name in file.files}
        scale, shift = dataset.scaler.std[target], dataset.scaler.mean[target]
        for kind in ("real", "learned"):
            examples[f"{kind}_x"] = examples[f"{kind}_x"][:, :, target] * scale + shift
            examples[f"{kind}_y"] = examples[f"{kind}_y"] * scale + shift
        pictures.append(figures.example_windows(examples, unit))
    pictures.append(figures.cluster_sizes(dataset.cluster_size))
    if dataset.coordinates is not None:
        pictures.append(figures.cluster_map(dataset.coordinates, dataset.assignment))
    return pictures


def _table_rows(evaluation: Evaluation) -> list[TableRow]:
    rows = []
    alone = evaluation.tracks.get("network_alone", {}) if evaluation.track == "with_base" else {}
    for name, result in evaluation.every_row().items():
        other = alone.get(name)
        beside = "" if other is None else _number(other.test.values["relative_rmse"], 3, True)
        trivial = name in evaluation.naive
        test = result.test.values
        cells = [
            _number(test["relative_rmse"], 3, not trivial),
            beside,
            _number(test["relative_mae"], 3, not trivial),
            _number(test["mae"], 3, not trivial),
            _number(test["rmse"], 3, not trivial),
            _number(test["mape"], 1, not trivial),
            _number(result.validation.values["relative_rmse"], 3, not trivial),
            "" if trivial else f"{result.train_seconds:.1f}",
            "" if trivial else f"{result.peak_rss_mib:.0f}",
        ]
        rows.append(TableRow(row_look(name).report_title, tuple(cells), trivial))
    return rows


def _cross_rows(cross: CrossEvaluation) -> list[list[str]]:
    return [
        [
            forecaster,
            row_look(name).report_title,
            _number(result.test.values["relative_rmse"], 3, True),
            _number(result.test.values["relative_mae"], 3, True),
            _number(result.validation.values["relative_rmse"], 3, True),
            str(result.optimizer_steps),
            f"{result.train_seconds:.1f}",
            f"{result.peak_rss_mib:.0f}",
        ]
        for forecaster, results in cross.rows.items()
        for name, result in results.items()
    ]


def _number(entry: Mapping[str, float], digits: int, spread: bool) -> str:
    if not np.isfinite(entry["mean"]):
        return "n/a"
    text = f"{entry['mean']:.{digits}f}"
    return f"{text} ± {entry['std']:.{digits}f}" if spread else text


def _headline(manifest: Manifest, evaluation: Evaluation | None) -> str:
    size = manifest.size
    smaller = (
        f"{size.real_windows} x {size.real_locations} windows of {manifest.source.name} became "
        f"{size.windows} x {size.locations}: {size.real_bytes / size.total_bytes:,.0f} times "
        "smaller, with all that belongs to them."
    )
    return f"{smaller} {outcome(manifest, evaluation)}"


def outcome(manifest: Manifest, evaluation: Evaluation | None) -> str:
    """What training on the distilled data gives beside the alternatives, and when it pays."""
    if evaluation is None:
        return "Not evaluated yet: run stemdist evaluate."
    best = min(evaluation.naive, key=lambda name: _error(evaluation.naive[name]))
    rivals = [name for name in evaluation.rows if name != DISTILLED]
    every = evaluation.every_row()
    parts = [f"{row_look(name).report_title} {_error(every[name]):.3f}" for name in (*rivals, best)]
    return (
        "A forecaster trained on them reaches a test relative RMSE of "
        f"{_error(evaluation.distilled):.3f}; {', '.join(parts)}. Lower is better. "
        f"{_pays(evaluation)}"
    ).strip()


def _error(result: RowResult) -> float:
    return result.test.values["relative_rmse"]["mean"]


def _pays(evaluation: Evaluation) -> str:
    """After how many trained models distilling has saved time."""
    spent = f"Distilling took {evaluation.distill_seconds:.0f} s."
    lines = break_even_lines(evaluation.tracks, evaluation.distill_seconds)
    if np.isnan(evaluation.distill_seconds) or not lines:
        return ""
    return " ".join([spent, *(f"{line[0].upper()}{line[1:]}." for line in lines)])
