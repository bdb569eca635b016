"""The figures of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from stemdist_ray.report.figures import BLUE, GREY, ORANGE, Picture, log_axis, new_axes, picture

OBJECTIVE_LABELS = {
    "error": "validation relative RMSE",
    "bytes": "size of the distilled data, KiB",
    "train_seconds": "seconds to train one forecaster",
}


def front(
    trials: Sequence[Mapping[str, Any]], inside: set[str], objectives: Sequence[str]
) -> Picture:
    """Error against the second objective (else size) of all trials, the front joined."""
    other = next((name for name in objectives if name != "error"), "bytes")
    scale = 1 / 1024 if other == "bytes" else 1.0
    figure, axes = new_axes(height=3.8)
    validated = [t for t in trials if t["metrics"]]
    kinds = {
        "stopped early": [t for t in validated if t["status"] == "stopped"],
        "finished": [t for t in validated if t["status"] != "stopped"],
    }
    for (label, some), fill in zip(kinds.items(), ("none", GREY), strict=True):
        axes.scatter(
            [t["metrics"][other] * scale for t in some],
            [t["metrics"]["error"] for t in some],
            facecolors=fill,
            edgecolors=GREY,
            s=28,
            label=label,
        )
    best = sorted((t for t in validated if t["id"] in inside), key=lambda t: t["metrics"][other])
    axes.plot(
        [t["metrics"][other] * scale for t in best],
        [t["metrics"]["error"] for t in best],
        color=BLUE,
        marker="o",
        drawstyle="steps-post",
        label="not beaten by any other",
    )
    for trial in best:
        at = (trial["metrics"][other] * scale, trial["metrics"]["error"])
        axes.annotate(
            str(trial["number"]), at, xytext=(4, 4), textcoords="offset points", fontsize=8
        )
    log_axis(axes.xaxis, axes.set_xscale)
    axes.set_xlabel(OBJECTIVE_LABELS[other])
    axes.set_ylabel(OBJECTIVE_LABELS["error"])
    figure.legend(loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    lowest = min(best, key=lambda t: t["metrics"]["error"])
    alt = (
        f"{len(validated)} trials; {len(best)} are not beaten by any other. The lowest error, "
        f"{lowest['metrics']['error']:.3f}, is that of trial {lowest['number']}; the smallest "
        f"of them has {best[0]['metrics']['error']:.3f} (trial {best[0]['number']})."
    )
    return picture(figure, "front", "Pareto front", alt)


def ratios(trials: Sequence[Mapping[str, Any]], inside: set[str]) -> Picture:
    """Where in the plane of both ratios the error is low."""
    figure, axes = new_axes(height=4.2)
    validated = [t for t in trials if t["metrics"]]
    windows = [t["metrics"]["windows"] for t in validated]
    locations = [t["metrics"]["locations"] for t in validated]
    errors = np.array([t["metrics"]["error"] for t in validated])
    rim = [ORANGE if t["id"] in inside else "none" for t in validated]
    dots = axes.scatter(
        locations, windows, c=errors, s=70, cmap="viridis_r", edgecolors=rim, linewidths=2
    )
    figure.colorbar(dots, label=OBJECTIVE_LABELS["error"])
    log_axis(axes.xaxis, axes.set_xscale)
    log_axis(axes.yaxis, axes.set_yscale)
    axes.set_xlabel("synthetic locations")
    axes.set_ylabel("synthetic windows")
    low = validated[int(errors.argmin())]["metrics"]
    alt = (
        "Validation error by number of synthetic locations and windows; the lowest is at "
        f"{low['windows']:.0f} windows x {low['locations']:.0f} locations. Trials of the front are "
        "ringed."
    )
    return picture(figure, "ratios", "Which dimension to compress", alt)


def progress(trials: Sequence[Mapping[str, Any]]) -> Picture:
    """Error of every trial per round, and the best so far per trial."""
    figure, axes = new_axes(height=3.4)
    validated = [t for t in trials if t["history"]]
    for trial in validated:
        rounds, errors = zip(*trial["history"], strict=True)
        early = trial["status"] == "stopped"
        axes.plot(
            rounds, errors, color=GREY if early else BLUE, alpha=0.6, linewidth=1.2, marker="."
        )
    axes.set_xlabel("round")
    axes.set_ylabel("best validation\nrelative RMSE so far")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    early = sum(t["status"] == "stopped" for t in validated)
    alt = f"{len(validated)} trials over their rounds; {early} of them (grey) were stopped early."
    return picture(figure, "trials", "Convergence of the trials", alt)
