"""Results as text."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.comparison.break_even import break_even_lines
from stemdist_ray.comparison.ranking.page import COLUMNS, explanation, table_cells
from stemdist_ray.comparison.ranking.result import Ranking
from stemdist_ray.comparison.rows import RowResult
from stemdist_ray.comparison.table import DISTILLED, CrossEvaluation, Evaluation
from stemdist_ray.sweeps.finish import SweepResult


def _table(title: str | None, caption: str | None = None) -> Table:
    return Table(
        title=title,
        title_justify="left",
        caption=caption,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        collapse_padding=True,
        pad_edge=False,
    )


def evaluation_table(result: Evaluation, target: str, unit: str) -> Table:
    """The result table of an evaluation, test split; both tracks side by side."""
    label = f"{target} ({unit})" if unit else target
    table = _table(f"{result.forecaster}, test split, {label}", _evaluation_caption(result))
    table.add_column("trained on", no_wrap=True)
    alone = result.tracks.get("network_alone", {}) if result.track == "with_base" else {}
    # With the other track beside them there is no room for all metrics; the JSON has them.
    shown = (0, 2, 4) if alone else (0, 1, 2, 3, 4)
    names = ("rel. RMSE", "rel. MAE", "MAE", "RMSE", "val.")
    for name in (*(names[i] for i in shown), "train s"):
        table.add_column(name, justify="right", no_wrap=True)
    if alone:
        table.add_column("alone", justify="right", no_wrap=True)
    for name, row in result.rows.items():
        other = alone.get(name)
        beside = [] if other is None else [_cells(other)[0]]
        cells = _cells(row)
        seconds = f"{row.train_seconds:.1f}"
        table.add_row(_title(name), *(cells[i] for i in shown), seconds, *beside)
    table.add_section()
    for name, row in result.naive.items():
        cells = _cells(row)
        table.add_row(_title(name), *(cells[i] for i in shown), "")
    return table


def _evaluation_caption(result: Evaluation) -> str:
    row = result.distilled
    text = (
        f"mean ± std over {row.test.repeats} seeds, {row.optimizer_steps} optimiser steps each; "
        "val. = rel. RMSE on validation"
    )
    if result.track == "with_base":
        text += "\nevaluators on top of a base, fitted on what each row may see"
        text += "; alone = without" if "network_alone" in result.tracks else ""
    return text + "".join(
        f"\n{line}" for line in break_even_lines(result.tracks, result.distill_seconds)
    )


def cross_table(result: CrossEvaluation, target: str, unit: str) -> Table:
    """The cross-architecture table, test split."""
    label = f"{target} ({unit})" if unit else target
    table = _table(f"cross-architecture evaluation, test split, {label}", _cross_caption(result))
    table.add_column("forecaster", no_wrap=True)
    table.add_column("trained on", no_wrap=True)
    for name in ("rel. RMSE", "val.", "train s", "peak MiB"):
        table.add_column(name, justify="right", no_wrap=True)
    for forecaster, rows in result.rows.items():
        for index, (name, row) in enumerate(rows.items()):
            error, *_, validation = _cells(row)
            costs = f"{row.train_seconds:.1f}", f"{row.peak_rss_mib:.0f}"
            head = "" if index else forecaster
            table.add_row(head, _title(name), error, validation, *costs)
        table.add_section()
    for name, row in result.naive.items():
        error, *_, validation = _cells(row)
        table.add_row(_title(name), "full data", error, validation)
    return table


def _cross_caption(result: CrossEvaluation) -> str:
    failed = "".join(f"\n{name} left out: {why}" for name, why in result.failed.items())
    if not result.rows:
        return failed.strip()
    rows = next(iter(result.rows.values()))
    steps = {_title(name): row.optimizer_steps for name, row in rows.items()}
    taken = ", ".join(f"{name} {count}" for name, count in steps.items())
    return (
        f"distilled with {result.surrogate}; mean ± std over {rows[DISTILLED].test.repeats} "
        f"seeds; optimiser steps ({result.protocol}): {taken}; val. = rel. RMSE on validation"
        f"{failed}"
    )


def sweep_table(result: SweepResult) -> Table:
    """The front of a sweep, smallest error first."""
    chosen = {r.id for r in result.chosen}
    failed = sum(r.status == "failed" for r in result.trials)
    caption = (
        f"{len(result.trials)} trials, {failed} failed; val. = rel. RMSE on validation, which the "
        "choice was made by; the test split was read once, for the chosen points"
    )
    table = _table("trials that no other one beats", caption)
    table.add_column("trial", justify="right")
    names = sorted({name for r in result.front for name in r.point})
    for name in (*names, "windows", "locations", "KiB", "train s", "val.", "test"):
        table.add_column(name, justify="right")
    for record in result.front:
        metrics = record.metrics
        test = record.test if record.id in chosen else None
        table.add_row(
            str(record.number),
            *(_setting(record.point.get(name)) for name in names),
            f"{metrics['windows']:.0f}",
            f"{metrics['locations']:.0f}",
            f"{metrics['bytes'] / 1024:.1f}",
            f"{metrics['train_seconds']:.2f}",
            f"{metrics['error']:.3f}",
            "" if test is None else f"{test['mean']:.3f} ±{test['std']:.3f}",
        )
    return table


def model_table(result: SweepResult) -> Table:
    """The trials of a search for models, smallest validation error first."""
    failed = sum(r.status == "failed" for r in result.trials)
    caption = (
        f"{len(result.trials)} trials, {failed} failed; val. = rel. RMSE on validation of the "
        "model trained on the distilled data"
    )
    table = _table("models", caption)
    table.add_column("trial", justify="right")
    names = sorted({name for r in result.front for name in r.point})
    for name in (*names, "train s", "val."):
        table.add_column(name, justify="right")
    for record in result.front:
        seconds, error = record.metrics["train_seconds"], record.metrics["error"]
        point = (_setting(record.point.get(name)) for name in names)
        table.add_row(str(record.number), *point, f"{seconds:.2f}", f"{error:.4f}")
    return table


def rank_table(result: Ranking) -> Table:
    """How each kind of training data ranks the configurations."""
    table = _table("ranking configurations", explanation(result))
    shown = [name for name in COLUMNS if name != "regret"]  # its percents are enough there
    for name in shown:
        if name == "chosen":  # the one that may be long
            table.add_column(name, overflow="fold", min_width=12)
        else:
            left = name == COLUMNS[0]
            table.add_column(name, justify="left" if left else "right", no_wrap=True)
    for one in result.ranked.values():
        cells = dict(zip(COLUMNS, table_cells(one, short=True), strict=True))
        table.add_row(*(cells[name] for name in shown))
    return table


def _title(name: str) -> str:
    return ROWS.get(name).title


def _setting(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _cells(row: RowResult) -> list[str]:
    values, error = row.test.values, row.test.values["relative_rmse"]
    spread = f" ±{error['std']:.3f}" if row.test.repeats > 1 else ""
    return [
        f"{error['mean']:.3f}{spread}",
        f"{values['relative_mae']['mean']:.3f}",
        f"{values['mae']['mean']:.2f}",
        f"{values['rmse']['mean']:.2f}",
        f"{row.validation.values['relative_rmse']['mean']:.3f}",
    ]


def forecaster_table(rows: list[dict[str, Any]]) -> Table:
    """The text of ``stemdist forecasters``."""
    caption = "parameters for 12 steps of one feature to 12 steps, with default options"
    table = _table(None, caption)
    table.add_column("name", no_wrap=True)
    table.add_column("what it is")
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("source")
    for row in rows:
        if "error" in row:
            table.add_row(row["name"], row["error"])
        else:
            size = f"{row['num_parameters']:,}"
            table.add_row(row["name"], row["summary"], size, row["source"])
    return table


def method_table(rows: list[dict[str, Any]]) -> Table:
    """The text of ``stemdist methods``."""
    table = _table(None, "what it is, as published and where it differs; options: --json")
    table.add_column("name", no_wrap=True)
    table.add_column("what it makes")
    table.add_column("makes fewer")
    table.add_column("teacher", no_wrap=True)
    table.add_column("source")
    for row in rows:
        differs = f"; here: {row['deviations']}" if row["deviations"] else ""
        teacher = "yes" if row["teacher"] else "no"
        source = row["source"] + differs
        table.add_row(row["name"], row["summary"], row["compresses"], teacher, source)
    return table
