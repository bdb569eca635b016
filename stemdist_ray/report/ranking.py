"""The figure of a ranking: one panel per kind of training data."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import rankdata

from stemdist_ray.comparison.ranking.cells import look_of
from stemdist_ray.comparison.ranking.result import Ranking
from stemdist_ray.report.figures import GREY, Picture, picture

_COLUMNS = 4
_PANEL = 2.3  # inches


def rank_scatter(ranking: Ranking) -> Picture:
    """Rank by each kind of training data against rank by the test error of full training."""
    names = list(ranking.ranked)
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(_PANEL * columns, (_PANEL + 0.3) * rows), layout="constrained")
    grid = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    truth = rankdata(ranking.truth().mean(axis=1))
    count = len(truth)
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    for axes, name in zip(grid, names, strict=False):
        look, one = look_of(name), ranking.ranked[name]
        errors = ranking.errors(name).mean(axis=1)
        ranks, chosen = rankdata(errors), int(np.argmin(errors))
        axes.spines[["top", "right"]].set_visible(False)
        axes.plot([1, count], [1, count], color=GREY, linewidth=0.8, linestyle="--")
        axes.scatter(truth, ranks, color=look.colour, s=22, linewidths=0)
        axes.scatter(truth[chosen], ranks[chosen], s=90, facecolors="none", edgecolors="black")
        value = one.measures["spearman"].value
        agreement = "no order" if math.isnan(value) else f"Spearman {value:.2f}"
        axes.set_title(f"{look.title}\n{agreement}", fontsize=9)
        axes.set_aspect("equal")
        axes.locator_params(integer=True, nbins=5)
    figure.supxlabel("rank by test error after full training", fontsize=9)
    figure.supylabel("rank by validation error", fontsize=9)
    told = ", ".join(
        f"{look_of(n).title} {one.measures['spearman'].value:.2f}"
        for n, one in ranking.ranked.items()
    )
    alt = (
        f"Ranks of {count} configurations by what they were trained on, against their ranks after "
        f"full training; 1 is best, the ringed one is chosen. Spearman: {told}."
    )
    return picture(figure, "rank", "Do small data rank as full training does?", alt)
