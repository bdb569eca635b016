"""Tables of ``jobs/README.md``, made of the files in ``jobs/results/``.

A table stands between ``<!-- results:NAME -->`` and ``<!-- end -->``; a test holds text and files
together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jobs.benchmarks.datasets import CASES
from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.comparison.markdown import markdown_table
from stemdist_ray.errors import ConfigError
from stemdist_ray.system.files import read_json

TRAINED = (
    *("distilled", "random_subset", "random_teacher", "centroid"),
    *("node_sampled", "st_prune", "full_data"),
)
NAIVE = ("seasonal_linear", "ridge", "historical_average", "last_value")

Result = Mapping[str, Any]


def read_results(folder: Path) -> list[Result]:
    """The results that are there, in the order of the cases."""
    paths = [folder / f"{case.name}.json" for case in CASES]
    return [read_json(path) for path in paths if path.exists()]


def read_variants(folder: Path, name: str) -> list[Result]:
    """The variants that were measured, in the order of the cases."""
    paths = [folder / f"{name}-{case.name}.json" for case in CASES]
    return [read_json(path) for path in paths if path.exists()]


def tables(folder: Path) -> dict[str, str]:
    """All tables as Markdown, by name, from the files of a folder."""
    results = read_results(folder)
    return {
        "ablation": variant_table(read_variants(folder, "ablation")),
        "balance": variant_table(read_variants(folder, "balance")),
        "with_base": track_table(results, "with_base"),
        "network_alone": track_table(results, "network_alone"),
        "naive": naive_table(results),
        "cost": cost_table(results),
    }


def track_table(results: Sequence[Result], track: str) -> str:
    """Test relative RMSE of every trained row, pooled over seeds; the best one in bold."""
    shown = [row for row in TRAINED if any(_runs(result, track, row) for result in results)]
    rows = []
    for result in results:
        pooled = {row: pool(_runs(result, track, row)) for row in shown}
        best = min(mean for mean, _ in pooled.values() if not math.isnan(mean))
        cells = [_cell(*pooled[row], bold=pooled[row][0] == best) for row in shown]
        rows.append([result["title"], *cells])
    return _table(["data", *(ROWS.get(row).title for row in shown)], rows)


def naive_table(results: Sequence[Result]) -> str:
    """Test relative RMSE of the rows in closed form."""
    rows = []
    for result in results:
        naive = result["runs"][0]["evaluation"]["naive"]
        rows.append([result["title"], *(f"{naive[r]['relative_rmse']['mean']:.3f}" for r in NAIVE)])
    return _table(["data", *(ROWS.get(row).title for row in NAIVE)], rows)


def cost_table(results: Sequence[Result]) -> str:
    """What distilling took, and after how many models it pays."""
    head = [
        "data",
        "windows x locations",
        "smaller",
        "distilling s",
        "pays against sampled full data, alone",
        "with the same base",
    ]
    rows = []
    for result in results:
        run = result["runs"][0]
        size, even = run["size"], run["evaluation"]["break_even"]
        total = size["bytes"] + size["known_bytes"] + size["base_bytes"]
        rows.append(
            [
                result["title"],
                f"{size['windows']} x {size['locations']}",
                f"{size['real_bytes'] / total:.0f}x",
                f"{run['distill_seconds']:.0f}",
                _pays(even.get("network_alone.node_sampled")),
                _pays(even.get("with_base.node_sampled")),
            ]
        )
    return _table(head, rows)


def variant_table(results: Sequence[Result]) -> str:
    """Test relative RMSE of the distilled row by variant, a column per data set."""
    names = dict.fromkeys(v["variant"] for result in results for v in result["variants"])
    rows = []
    for name in names:
        cells = []
        for result in results:
            own = [v for v in result["variants"] if v["variant"] == name]
            cells.append(_variant(own[0]) if own else "-")
        rows.append([name, *cells])
    return _table(["", *(result["name"] for result in results)], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(markdown_table(head, rows))


def _variant(found: Mapping[str, Any]) -> str:
    error = found["relative_rmse"]
    return f"{error['mean']:.4f} ± {error['std']:.4f}"


def _pays(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    if found["distilled_seconds"] is None:
        return f"error {found['relative_rmse']:.3f} not reached"
    times = f"{found['distilled_seconds']:.1f} s for {found['full_seconds']:.1f} s"
    return f"{found['models']} models ({times})" if found["models"] else f"never ({times})"


def pool(summaries: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """Mean and standard deviation over all trainings, from those of each seed.

    Args:
        summaries: ``mean``, ``std`` (of the sample) and ``repeats`` of every distillation seed.
    """
    if not summaries:
        return math.nan, math.nan
    count = sum(s["repeats"] for s in summaries)
    mean = sum(s["mean"] * s["repeats"] for s in summaries) / count
    squares = sum(
        (s["repeats"] - 1) * s["std"] ** 2 + s["repeats"] * (s["mean"] - mean) ** 2
        for s in summaries
    )
    return mean, math.sqrt(squares / (count - 1)) if count > 1 else 0.0


def _runs(result: Result, track: str, row: str) -> list[dict[str, Any]]:
    """What every distillation seed gave for a row."""
    found = []
    for run in result["runs"]:
        tree = run["evaluation"].get(track)
        tree = tree if row == "distilled" or tree is None else tree.get(row)
        if tree is not None:
            found.append({**tree["relative_rmse"], "repeats": tree["repeats"]})
    return found


def _cell(mean: float, std: float, bold: bool) -> str:
    if math.isnan(mean):
        return "-"
    text = f"{mean:.3f} ± {std:.3f}"
    return f"**{text}**" if bold else text


def filled(text: str, made: Mapping[str, str]) -> str:
    """Put tables into a text, each in its place.

    Raises:
        ConfigError: The text has a place for a table that does not exist.
    """

    def table(match: re.Match[str]) -> str:
        name = match[1]
        if name not in made:
            raise ConfigError(f"no table {name!r}; there are {', '.join(made)}")
        return f"<!-- results:{name} -->\n{made[name]}\n<!-- end -->"

    return re.sub(r"<!-- results:(\w+) -->.*?<!-- end -->", table, text, flags=re.DOTALL)
