"""The figures of ``jobs/benchmark.py methods``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jobs.benchmarks.methods_config import RANDOM
from jobs.benchmarks.methods_scores import Score
from jobs.benchmarks.methods_tables import MODELS, TRACK_TITLES, title_of
from stemdist_ray.baselines.method import OWN
from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.report.figures import BLUE, GREY, ORANGE, Picture, log_axis, picture

_MARKS = "osD^v<>PX*"  # that are told apart when small; after these, the same hollow


def methods_pictures(scores: Sequence[Score]) -> list[Picture]:
    """Error against bytes and against seconds, for every data set and track that was trained.

    Of a single budget, bytes differ by rounding alone: all methods then stand below each other.
    """
    found = []
    for data, track in dict.fromkeys((s.data, s.track) for s in scores):
        own = [s for s in scores if (s.data, s.track) == (data, track) and s.errors]
        closed = [s for s in scores if (s.data, s.track) == (data, "closed_form") and s.errors]
        if track == "closed_form" or not own:
            continue
        budgets = {score.budget for score in own}
        drawn = error_by_bytes if len(budgets) > 1 else error_by_method
        found.append(drawn(data, track, own, closed))
        found.append(error_by_seconds(data, track, own, closed))
    return found


def _name(data: str, track: str, what: str) -> str:
    return f"{data}-{track}-{what}".replace("/", "-")


@dataclass(frozen=True)
class Look:
    """How a method or row is drawn.

    Args:
        colour: Of edge and line.
        mark: Of matplotlib.
        hollow: Whether the marker is only its edge.
    """

    colour: str
    mark: str
    hollow: bool = False

    @property
    def face(self) -> str:
        """The colour inside the marker."""
        return "white" if self.hollow else self.colour


def looks_of(scores: Sequence[Score]) -> dict[str, Look]:
    """By name: ours, the subset by chance, other methods; no two alike while marks last."""
    colours, looks = {OWN: BLUE, RANDOM: GREY}, {}
    kinds = {s.name: s.kind for s in scores if s.distilled}
    drawn: Counter[str] = Counter()
    for name in sorted(kinds):
        colour = colours.get(kinds[name], ORANGE)
        around, place = divmod(drawn[colour], len(_MARKS))
        looks[name] = Look(colour, _MARKS[place], hollow=around % 2 == 1)
        drawn[colour] += 1
    for score in scores:
        if not score.distilled:
            row = ROWS.loaded().get(score.name)
            looks[score.name] = Look("#000000" if row is None else row.colour, "x")
    return looks


def _best_closed(axes: Axes, closed: Sequence[Score]) -> None:
    for best in _best(closed):
        axes.axhline(best.mean, color=GREY, linestyle=":", linewidth=1)
        axes.annotate(
            title_of(best),
            (0.01, best.mean),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            fontsize=7,
            color=GREY,
        )


def error_by_method(
    data: str, track: str, scores: Sequence[Score], closed: Sequence[Score]
) -> Picture:
    """Errors of all methods and rows at one budget, in their order, with intervals."""
    rows = sorted([*scores, *_best(closed)], key=lambda s: s.mean)
    figure = Figure(figsize=(7.4, 1.0 + 0.19 * len(rows)), layout="constrained")
    axes, looks = figure.subplots(), looks_of(scores)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, axis="x", color="#dddddd", linewidth=0.6)
    for place, score in enumerate(rows):
        colour = looks[score.name].colour if score.name in looks else GREY
        mark = "o" if score.distilled else "x"
        axes.errorbar(
            score.mean, place, xerr=_half(score), color=colour, marker=mark, capsize=2, linewidth=1
        )
    axes.set_yticks(range(len(rows)), [title_of(s) for s in rows], fontsize=7)
    axes.invert_yaxis()
    sizes = [(s.bytes + s.base_bytes) / 1024 for s in scores if s.distilled]
    low, high = f"{min(sizes):,.0f}", f"{max(sizes):,.0f}"
    told = low if low == high else f"{low} to {high}"
    axes.set_xlabel(f"relative RMSE on test; dots were trained on {told} KiB")
    alt = f"{TRACK_TITLES[track]}; {_lowest(scores)}"
    return picture(figure, _name(data, track, "errors"), f"{data}: errors", alt)


def _best(closed: Sequence[Score]) -> list[Score]:
    return sorted(closed, key=lambda score: score.mean)[:1]


def _lowest(scores: Sequence[Score]) -> str:
    best = min((s for s in scores if s.distilled), key=lambda s: s.mean)
    return f"lowest of the distilled rows: {best.name}, {best.mean:.4f}"


def error_by_bytes(
    data: str, track: str, scores: Sequence[Score], closed: Sequence[Score]
) -> Picture:
    """Error of all methods against the bytes of what is trained on, with its intervals."""
    figure = Figure(figsize=(7.4, 4.4), layout="constrained")
    axes, looks = figure.subplots(), looks_of(scores)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color="#dddddd", linewidth=0.6)
    for name in dict.fromkeys(s.name for s in scores if s.distilled):
        own = sorted((s for s in scores if s.name == name), key=lambda s: s.bytes)
        look = looks[name]
        axes.errorbar(
            [(s.bytes + s.base_bytes) / 1024 for s in own],
            [s.mean for s in own],
            yerr=[_half(s) for s in own],
            color=look.colour,
            marker=look.mark,
            markerfacecolor=look.face,
            capsize=2,
            linewidth=1,
            label=name,
        )
    for score in _last_budget(scores):
        axes.axhline(score.mean, color=looks[score.name].colour, linewidth=0.8, linestyle="--")
        axes.annotate(
            title_of(score),
            (0.99, score.mean),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            fontsize=7,
            ha="right",
            color=looks[score.name].colour,
        )
    _best_closed(axes, closed)
    log_axis(axes.xaxis, axes.set_xscale)
    sizes = [(s.bytes + s.base_bytes) / 1024 for s in scores if s.distilled]
    axes.set_xlim(min(sizes) / 1.5, max(sizes) * 1.5)  # of one budget they differ by rounding
    axes.set_xlabel("KiB of inputs and targets" + (", base included" * (track == "with_base")))
    axes.set_ylabel("relative RMSE on test")
    figure.legend(loc="outside right upper", fontsize=7, frameon=False)
    alt = f"{TRACK_TITLES[track]}; {_lowest(scores)}"
    return picture(figure, _name(data, track, "bytes"), f"{data}: error against bytes", alt)


def _half(score: Score) -> float:
    return 0.0 if score.high != score.high else (score.high - score.low) / 2


def _last_budget(scores: Sequence[Score]) -> list[Score]:
    """What needs no distilling, at the largest budget (its steps draw that many windows)."""
    rows = [s for s in scores if not s.distilled]
    largest = max((s.budget for s in rows), default=0.0)
    return [s for s in rows if s.budget == largest]


def error_by_seconds(
    data: str, track: str, scores: Sequence[Score], closed: Sequence[Score]
) -> Picture:
    """Error against distilling once and training n models; the frontier of each n is joined."""
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    panels = figure.subplots(1, len(MODELS), sharey=True)
    looks, alts = looks_of(scores), []
    for axes, models in zip(panels, MODELS, strict=True):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(True, color="#dddddd", linewidth=0.6)
        for score in scores:
            look = looks[score.name]
            axes.plot(
                [score.total_seconds(models)],
                [score.mean],
                linestyle="none",
                color=look.colour,
                marker=look.mark,
                markerfacecolor=look.face,
                markersize=5,
                label=title_of(score) if models == MODELS[0] else None,
            )
        best = frontier([(s.total_seconds(models), s.mean) for s in scores])
        axes.plot(*zip(*best, strict=True), color=GREY, linewidth=1, drawstyle="steps-post")
        on = {s.name for s in scores if (s.total_seconds(models), s.mean) in best}
        alts.append(f"{models} models: {', '.join(sorted(on))}")
        _best_closed(axes, closed)
        log_axis(axes.xaxis, axes.set_xscale)
        axes.set_title(f"{models} model{'s' * (models > 1)}", fontsize=9)
        axes.set_xlabel("seconds, distilling included")
    panels[0].set_ylabel("relative RMSE on test")
    figure.legend(loc="outside right upper", fontsize=7, frameon=False)
    alt = f"{TRACK_TITLES[track]}; not beaten in both for " + "; for ".join(alts)
    title = f"{data}: error against total seconds"
    return picture(figure, _name(data, track, "seconds"), title, alt)


def frontier(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points that no other one beats in both coordinates, by the first of them."""
    found: list[tuple[float, float]] = []
    for point in sorted(points):
        if not found or point[1] < found[-1][1]:
            found.append(point)
    return found
