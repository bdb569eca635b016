import io
from dataclasses import replace

import pytest
from rich.console import Console

from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.cli.tables import (
    cross_table,
    evaluation_table,
    forecaster_table,
    model_table,
    rank_table,
)
from stemdist_ray.comparison.rows import CurvePoint, RowResult
from stemdist_ray.comparison.table import CrossEvaluation, Evaluation
from stemdist_ray.evaluation.metrics import METRIC_NAMES, Summary
from stemdist_ray.progress import output_console
from stemdist_ray.sweeps.finish import SweepResult
from stemdist_ray.sweeps.records import TrialRecord
from tests.comparison.ranking.helpers import ranking


def row(value, repeats=2):
    values = {name: {"mean": value, "std": 0.01} for name in METRIC_NAMES}
    summary = Summary(values, {}, repeats)
    curve = (CurvePoint(100, 0.5, value, 2 * value, 0.01), CurvePoint(200, 1.5, value, value, 0.01))
    return RowResult(summary, summary, 1.5, 100.0, 200, curve=curve)


def printed(table, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()


def both_tracks():
    rows = {
        "distilled": row(0.5), "random_subset": row(0.6), "centroid": row(0.7),
        "node_sampled": row(0.8), "full_data": row(0.4),
    }  # fmt: skip
    tracks = {"with_base": rows, "network_alone": {n: row(0.95) for n in rows}}
    return Evaluation(tracks, {"ridge": row(0.9, 1)}, "mtgnn", "fair", 0, 1.0, 40.0)


@pytest.mark.parametrize("tracks", [("network_alone",), ("with_base",), None])
def test_table_fits_80_columns(tracks):
    result = both_tracks()
    if tracks is not None:
        result = replace(result, tracks={name: result.tracks[name] for name in tracks})
    assert "…" not in printed(evaluation_table(result, "speed", "km/h"))


def test_table_shows_both_tracks_and_what_it_takes():
    result = both_tracks()
    text = printed(evaluation_table(result, "speed", "km/h"), width=120)
    for words in ("distilled", "0.500 ±0.010", "ridge on lags", "full data", "km/h", "2 seeds"):
        assert words in text
    assert "0.950" in text
    flat = " ".join(text.split())
    assert "alone = without" in flat
    assert "against full data, with base (0.400 in 1.5 s): not reached" in flat
    one = replace(result, tracks={"network_alone": result.tracks["network_alone"]})
    assert "alone" not in printed(evaluation_table(one, "speed", "km/h")).split("mean")[0]


def test_cross_table_fits_80_columns():
    rows = {"distilled": row(0.5), "node_sampled": row(0.6), "full_data": row(0.4)}
    naive = {"historical_average": row(0.9, 1)}
    every = {"graph_wavenet": rows}
    result = CrossEvaluation(every, {"stid": "never finite"}, naive, "mtgnn", "paper", 0)
    text = " ".join(printed(cross_table(result, "speed", "km/h")).split())
    assert "…" not in text
    for words in ("graph_wavenet distilled 0.500 ±0.010", "historical average", "km/h", "(paper)"):
        assert words in text
    assert "stid left out: never finite" in text


@pytest.mark.parametrize("name", ROWS.names())
def test_every_row_has_its_title(name):
    rows = {"distilled": row(0.5)} | {name: row(0.6)}
    result = Evaluation({"with_base": rows}, {}, "mtgnn", "fair", 0, 1.0)
    assert ROWS.get(name).title in printed(evaluation_table(result, "speed", ""))


def test_forecaster_table():
    rows = [
        {"name": "a", "summary": "what", "source": "where", "num_parameters": 1234},
        {"name": "b", "error": "cannot be loaded"},
    ]
    text = printed(forecaster_table(rows))
    for words in ("1,234", "where", "cannot be loaded"):
        assert words in text


def test_a_ranking_is_not_cut():
    text = printed(rank_table(ranking()), 120)
    row = next(line for line in text.splitlines() if "random subset" in line)
    assert "dlinear" in row
    assert "20.0" in row
    assert row.split()[-1] == "24"  # seconds with finalists: no column is cut
    assert "\u2026" not in text
    assert "per s saved: regret over" in " ".join(text.split())


def test_models_best_first(tmp_path):
    metrics = {"error": 0.5, "train_seconds": 1.0}
    trials = tuple(
        TrialRecord(str(i), i, {"forecaster.name": name}, "finished", metrics=metrics)
        for i, name in enumerate(("stid", "dlinear"), 1)
    )
    text = printed(model_table(SweepResult(tmp_path, trials, trials, (), trials[0], None)))
    assert "stid" in text
    assert "2 trials, 0 failed" in text


def test_brackets_of_names_are_no_markup(capsys):
    output_console().print(evaluation_table(both_tracks(), "flow [/h]", "[km/h]"))
    assert "flow [/h] ([km/h])" in " ".join(capsys.readouterr().out.split())
