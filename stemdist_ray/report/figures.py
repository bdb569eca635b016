"""The figures of a report, as SVG text. Axis letters: L lookback, H horizon, C examples."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter

from stemdist_ray.baselines.rows import ROWS, Row
from stemdist_ray.comparison.rows import RowResult
from stemdist_ray.comparison.table import DISTILLED, CrossEvaluation, Evaluation
from stemdist_ray.distillation.run_state import RoundRecord

# Okabe and Ito's palette: told apart by people with any colour vision.
# Rows of comparisons have their colours in the registry of rows.
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#7a7a7a"


@dataclass(frozen=True)
class Picture:
    """A figure with its words.

    Args:
        name: File name without ending.
        title: Heading.
        alt: What a reader who cannot see it should know.
        svg: The drawing.
        png: The same as a bitmap.
    """

    name: str
    title: str
    alt: str
    svg: str
    png: bytes


def picture(figure: Figure, name: str, title: str, alt: str) -> Picture:
    """Draw a figure as SVG and PNG."""
    svg, png = io.StringIO(), io.BytesIO()
    # No date and ids from the name: the same data give the same file, and figures on one page do
    # not share ids.
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=150)
    text = svg.getvalue()
    return Picture(name, title, alt, text[text.index("<svg") :], png.getvalue())


def new_axes(width: float = 6.4, height: float = 3.4) -> tuple[Figure, Axes]:
    """A figure with one plain pair of axes; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def log_axis(axis: Axis, set_scale: Callable[[str], None]) -> None:
    """A logarithmic axis with plain numbers at 1, 2 and 5 of every decade."""
    set_scale("log")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def convergence(history: Sequence[RoundRecord], best_round: int, objective: str) -> Picture:
    """Validation error and objective per round."""
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    validated = [(r.round, r.validation) for r in history if r.validation is not None]
    _plain(upper)
    upper.plot(*zip(*validated, strict=True), marker="o", color=BLUE)
    start = validated[0][1]
    upper.axhline(start, color=GREY, linestyle="--", linewidth=1)
    upper.annotate("start", (validated[-1][0], start), ha="right", va="bottom", color=GREY)
    best = dict(validated)[best_round]
    upper.plot([best_round], [best], marker="o", markersize=11, mfc="none", color=ORANGE)
    upper.set_ylabel("validation\nrelative RMSE")
    learned = [(r.round, r.objective) for r in history if r.objective is not None]
    _plain(lower)
    lower.plot([r for r, _ in learned], [o for _, o in learned], marker=".", color=GREEN)
    lower.set_ylabel(objective)
    lower.set_xlabel("round")
    lower.xaxis.get_major_locator().set_params(integer=True)
    alt = (
        f"Validation relative RMSE goes from {start:.3f} at the start to {best:.3f} in "
        f"round {best_round}, the one kept (ringed)."
    )
    return picture(figure, "convergence", "Convergence", alt)


def example_windows(examples: dict[str, npt.NDArray[Any]], unit: str) -> Picture:
    """Real windows beside what they became."""
    count = len(examples["clusters"])
    columns = min(3, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(2.5 * columns, 2.1 * rows), layout="constrained")
    grid = np.atleast_1d(figure.subplots(rows, columns, sharex=True)).ravel()
    lookback, horizon = examples["real_x"].shape[1], examples["real_y"].shape[1]
    before, after = np.arange(-lookback + 1, 1), np.arange(1, horizon + 1)
    for index, axes in enumerate(grid):
        if index >= count:
            axes.set_visible(False)
            continue
        _plain(axes)
        for kind, colour in (("real", GREY), ("learned", BLUE)):
            axes.plot(before, examples[f"{kind}_x"][index], color=colour, label=kind)
            axes.plot(after, examples[f"{kind}_y"][index], color=colour, linestyle="--")
        axes.axvline(0.5, color="#bbbbbb", linewidth=0.8)
        axes.set_title(f"cluster {examples['clusters'][index]}", fontsize=9)
    grid[0].legend(fontsize=8, frameon=False)
    figure.supxlabel("step (inputs to 0, targets dashed)", fontsize=9)
    figure.supylabel(unit or "value", fontsize=9)
    gap = float(np.abs(examples["learned_x"] - examples["real_x"]).mean())
    alt = (
        f"{count} synthetic windows before and after learning; inputs moved by {gap:.3g} "
        f"{unit} on average."
    )
    return picture(figure, "windows", "Real against synthetic windows", alt)


def error_per_horizon(evaluation: Evaluation, unit: str) -> Picture:
    """RMSE per horizon step, trained rows solid, those in closed form dotted."""
    figure, axes = new_axes()
    for name, result in evaluation.every_row().items():
        errors = result.test.per_horizon["rmse"]
        mean, std = np.array(errors["mean"]), np.array(errors["std"])
        steps, look = np.arange(1, len(mean) + 1), row_look(name)
        trained = name in evaluation.rows
        style = "-" if trained else ":"
        axes.plot(steps, mean, label=look.report_title, color=look.colour, linestyle=style)
        if trained:
            axes.fill_between(steps, mean - std, mean + std, color=look.colour, alpha=0.12)
    axes.set_xlabel("horizon step")
    axes.set_ylabel(f"test RMSE ({unit})" if unit else "test RMSE")
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    own = evaluation.distilled.test.per_horizon["rmse"]["mean"]
    alt = (
        f"Test RMSE of the distilled row grows from {own[0]:.3g} at step 1 to {own[-1]:.3g} {unit}."
    )
    return picture(figure, "horizon", "Error per horizon step", alt)


def error_over_time(evaluation: Evaluation) -> Picture:
    """Test error against seconds of training, one panel per track."""
    tracks = evaluation.tracks
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(tracks), sharey=len(tracks) == 1))
    for axes, (track, rows) in zip(panels, tracks.items(), strict=True):
        _plain(axes)
        for name, row in rows.items():
            look = row_look(name)
            seconds = [point.train_seconds for point in row.curve]
            errors = [point.test for point in row.curve]
            axes.plot(
                seconds,
                errors,
                label=look.report_title,
                color=look.colour,
                marker="o",
                markersize=3,
            )
        base = evaluation.naive.get("seasonal_linear")
        if base is not None and track == "with_base":
            level = base.test.values["relative_rmse"]["mean"]
            look = row_look("seasonal_linear")
            axes.axhline(level, color=look.colour, linestyle=":", label=look.report_title)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_title(_TRACK_TITLES[track], fontsize=9)
        axes.set_xlabel("seconds of training")
    panels[0].set_ylabel("test relative RMSE")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    own = evaluation.distilled.curve
    alt = (
        f"Trained on the distilled data the test relative RMSE is {own[0].test:.3f} after "
        f"{own[0].train_seconds:.1f} s and {own[-1].test:.3f} after {own[-1].train_seconds:.1f} s."
    )
    return picture(figure, "seconds", "Error against seconds of training", alt)


_TRACK_TITLES = {"with_base": "on top of a base", "network_alone": "network alone"}


def cluster_sizes(sizes: npt.NDArray[np.int64]) -> Picture:
    """How many real locations each synthetic one stands for."""
    figure, axes = new_axes(height=2.6)
    ordered = np.sort(sizes)[::-1]
    axes.bar(np.arange(len(ordered)), ordered, width=1.0, color=BLUE)
    axes.set_xlabel("synthetic locations, largest first")
    axes.set_ylabel("real locations")
    alt = (
        f"{len(sizes)} clusters of {sizes.min()} to {sizes.max()} real locations, "
        f"median {np.median(sizes):g}."
    )
    return picture(figure, "clusters", "Cluster sizes", alt)


def cluster_map(coordinates: npt.NDArray[np.float64], assignment: npt.NDArray[np.int64]) -> Picture:
    """Where the clusters lie; neighbouring cluster numbers get different colours."""
    figure, axes = new_axes(6.4, 5.0)
    count = int(assignment.max()) + 1
    # Shuffled hues: consecutive clusters are often neighbours and would look alike.
    shade = np.random.default_rng(0).permutation(count)[assignment]
    size = float(np.clip(4000 / len(assignment), 2, 40))
    axes.scatter(
        coordinates[:, 1],
        coordinates[:, 0],
        c=shade,
        s=size,
        cmap="turbo",
        linewidths=0,
        rasterized=True,
    )
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("longitude or x")
    axes.set_ylabel("latitude or y")
    alt = f"Map of {len(assignment)} locations coloured by their cluster, {count} clusters."
    return picture(figure, "map", "Cluster map", alt)


def cross_architecture(cross: CrossEvaluation) -> Picture:
    """Test relative RMSE of every forecaster, by what it was trained on."""
    figure, axes = new_axes(height=1.2 + 0.42 * len(cross.rows))
    names = list(cross.rows)[::-1]  # the first one on top
    trained_on = list(next(iter(cross.rows.values())))
    for index, row in enumerate(trained_on):
        errors = [_relative_rmse(cross.rows[name][row]) for name in names]
        offset = 0.18 * ((len(trained_on) - 1) / 2 - index)
        axes.errorbar(
            [e["mean"] for e in errors],
            np.arange(len(names)) + offset,
            xerr=[e["std"] for e in errors],
            fmt="o",
            markersize=5,
            capsize=2,
            color=row_look(row).colour,
            label=row_look(row).report_title,
        )
    best = min(cross.naive, key=lambda name: _relative_rmse(cross.naive[name])["mean"])
    bound, look = _relative_rmse(cross.naive[best])["mean"], row_look(best)
    axes.axvline(bound, color=look.colour, linestyle=":", label=look.report_title)
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_xlabel("test relative RMSE")
    figure.legend(loc="outside upper center", ncols=2, fontsize=8, frameon=False)
    own = {name: _relative_rmse(cross.rows[name][DISTILLED])["mean"] for name in names}
    first = min(own, key=own.__getitem__)
    alt = (
        f"Test relative RMSE of {len(names)} forecasters; trained on the distilled data {first} "
        f"has the lowest, {own[first]:.3f}; {look.report_title} is at {bound:.3f}."
    )
    return picture(figure, "cross_architecture", "Other forecasters on the same data", alt)


def row_look(name: str) -> Row:
    """Title and colour of a row; one that only another release knows has its bare name, grey."""
    return ROWS.get(name) if name in ROWS else Row(name, name, name, GREY, 0)


def _relative_rmse(result: RowResult) -> dict[str, float]:
    return result.test.values["relative_rmse"]
