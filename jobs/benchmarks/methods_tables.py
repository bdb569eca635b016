"""The tables of ``jobs/benchmark.py methods`` as Parquet, Markdown and HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.benchmarks.methods_scores import FULL, Score
from stemdist_ray.baselines.method import OWN
from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.comparison.markdown import markdown_table
from stemdist_ray.config import EvaluationConfig, build_config, merge_layers
from stemdist_ray.report.figures import Picture
from stemdist_ray.report.html import render
from stemdist_ray.system.files import replacing_file, write_text

TITLE = "Methods compared"
MODELS = (1, 10, 100)
"""Numbers of trained models whose total seconds are told."""

TRACK_TITLES = {
    "with_base": "networks on top of the linear base",
    "network_alone": "networks alone",
    "closed_form": "models in closed form, nothing trained",
}
HEADINGS = (
    "relative RMSE (95 %)",
    "gain over random",
    "loss against full data",
    "label-robust score",
    "coverage",
    "KiB",
    "distilling, s",
    "training, s",
    *(f"{n} models, s" for n in MODELS),
    "pays from, models",
)


def write_records(path: Path, scores: Iterable[Score]) -> None:
    """Write the scores as a tidy table: a row per score, errors of all seeds as a list."""
    kinds = {"int": pa.int64(), "float": pa.float64(), "str": pa.string(), "bool": pa.bool_()}
    schema = pa.schema(
        [
            (one.name, pa.list_(pa.float64()))
            if one.name == "errors"
            else (one.name, kinds[str(one.type).partition(" ")[0]])
            for one in fields(Score)
        ]
    )
    rows = [{one.name: getattr(score, one.name) for one in fields(Score)} for score in scores]
    with replacing_file(path) as aside:
        pq.write_table(pa.Table.from_pylist(rows, schema), aside)


def title_of(score: Score) -> str:
    """What people read for a name."""
    row = None if score.distilled else ROWS.loaded().get(score.name)
    return score.name if row is None else row.report_title


def cells_of(score: Score) -> tuple[str, ...]:
    """The cells of a score under :data:`HEADINGS`, formatted."""
    if not score.errors:
        return (f"no result: {score.failed}",)
    trained = not math.isnan(score.train_seconds) and score.track != "closed_form"
    interval = "" if math.isnan(score.low) else f" ({score.low:.4f} to {score.high:.4f})"
    pays = "-" if score.break_even is None else str(score.break_even)
    return (
        f"{score.mean:.4f}{interval}" + (f"; {score.failed}" if score.failed else ""),
        _percent(score.ior),
        _percent(score.hlr),
        _number(score.label_robust, ".1f"),
        _number(score.coverage, ".3f"),
        f"{(score.bytes + score.base_bytes) / 1024:,.0f}" if score.distilled else "-",
        f"{score.distill_seconds:,.1f}" if score.distilled else "-",
        f"{score.train_seconds:,.2f}" if trained else "-",
        *(f"{score.total_seconds(n):,.0f}" if trained else "-" for n in MODELS),
        pays if score.distilled else "-",
    )


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:+.1f} %"


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)


def grouped(scores: Sequence[Score]) -> list[tuple[str, list[Score]]]:
    """Tables with their headings: one per data set, budget and track."""
    return [
        (f"{data}, {100 * budget:g} %: {TRACK_TITLES[track]}", list(own))
        for (data, budget, track), own in groupby(scores, lambda s: (s.data, s.budget, s.track))
    ]


def markdown(scores: Sequence[Score]) -> str:
    """The tables in Markdown."""
    parts = []
    for heading, own in grouped(scores):
        rows = [(title_of(score), *cells_of(score)) for score in own]
        parts.append("\n".join([f"### {heading}", "", *markdown_table(("", *HEADINGS), rows)]))
    return "\n\n".join(parts) + "\n"


def about(config: Mapping[str, Any]) -> str:
    """What the columns mean, in a paragraph."""
    full = ", else ".join(ROWS.get(name).report_title for name in FULL)
    return (
        "Relative RMSE on the test split, mean over all distillation and evaluator seeds "
        f"({len(config['seeds'])} distillations each) with its 95 % interval (Student's t, all "
        "trainings as one sample: too narrow where distillations differ by more than trainings on "
        f"one of them). {_chosen(config)} on validation windows; all rows of a "
        "table take the same number of optimiser steps but for full data: at most "
        f"{_passes(config)} passes over all train windows, fewer where validation stops to "
        "improve. The gain is against the random subset of the same budget, the loss against full "
        f"data ({full}). The label-robust score counts the gain over a random subset with the same "
        "kind of targets and the loss half and half (0 to 100). Coverage is the mean distance of a "
        "real window to the nearest synthetic one, in standard deviations. KiB: inputs and "
        "targets, with the base where networks build upon one; no method may exceed the budget of "
        "inputs and targets, some fall short, as windows are whole. Seconds of distilling count "
        "base, teacher, the method's own work and validating it, subsets of readings have no base "
        "where networks are alone; n models: distilling once (for full data: the base, where there "
        "is one), training n. Cells may have run beside each other, so seconds of one are of a "
        "machine that others used."
    )


def _chosen(config: Mapping[str, Any]) -> str:
    """What evaluators choose on validation windows."""
    factors = _evaluation(config).rate_factors
    return "Epochs are chosen" if len(factors) == 1 else "Rates and epochs are chosen"


def _passes(config: Mapping[str, Any]) -> str:
    """Of full-data training, at most."""
    own = [_evaluation(config, data).full_data_epochs for data in config["data"]]
    return " or ".join(str(epochs) for epochs in sorted(set(own)))


def _evaluation(
    config: Mapping[str, Any], data: Mapping[str, Any] | None = None
) -> EvaluationConfig:
    layers = [config.get("settings", {}), {} if data is None else data.get("settings", {})]
    return build_config("standard", merge_layers(*layers)).evaluation


def write_markdown(
    path: Path, scores: Sequence[Score], pictures: Sequence[Picture], config: Mapping[str, Any]
) -> None:
    """Write the page in Markdown; figures are in ``figures/`` beside it."""
    text = f"# {TITLE}\n\n{headline(scores)}\n\n{about(config)}\n\n"
    text += "".join(f"![{one.alt}](figures/{one.name}.png)\n\n" for one in pictures)
    write_text(path, text + markdown(scores))


def write_html(
    path: Path, scores: Sequence[Score], pictures: Sequence[Picture], config: Mapping[str, Any]
) -> None:
    """Write the page in HTML, figures inside it."""
    view = {
        "title": TITLE,
        "headline": headline(scores),
        "about": about(config),
        "pictures": pictures,
        "head": HEADINGS,
        "tables": [{"heading": heading, "rows": _rows(own)} for heading, own in grouped(scores)],
    }
    write_text(path, render("tables.html.j2", view))


def _rows(scores: Sequence[Score]) -> list[dict[str, Any]]:
    return [{"title": title_of(s), "cells": cells_of(s), "own": s.kind == OWN} for s in scores]


def headline(scores: Sequence[Score]) -> str:
    """Who has the lowest error, per data set, budget and track."""
    told = []
    for heading, own in grouped(scores):
        done = [score for score in own if score.errors]
        if not done or done[0].track == "closed_form":
            continue
        best = min(done, key=lambda score: score.mean)
        distilled = min((s for s in done if s.distilled), key=lambda s: s.mean, default=None)
        text = f"{heading}: {title_of(best)} ({best.mean:.4f})"
        if distilled is not None and distilled is not best:
            text += f", of the distilled rows {distilled.name} ({distilled.mean:.4f})"
        told.append(text)
    return "Lowest errors. " + "; ".join(told) + "."
