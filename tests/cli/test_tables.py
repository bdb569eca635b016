import io

import pytest
from rich.console import Console

from stemdist_ray.baselines import ROWS
from stemdist_ray.cli.tables import (
    cross_table,
    description_lines,
    evaluation_table,
    forecaster_table,
)
from stemdist_ray.comparison.table import CrossEvaluation, Evaluation, RowResult
from stemdist_ray.data.describe import SourceDescription
from stemdist_ray.evaluation.metrics import METRIC_NAMES, Summary


def row(value, repeats=2):
    values = {name: {"mean": value, "std": 0.01} for name in METRIC_NAMES}
    summary = Summary(values, {}, repeats)
    return RowResult(summary, summary, 1.5, 100.0, 200)


def printed(table):
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    return console.file.getvalue()


def test_table_fits_80_columns():
    rows = {
        "distilled": row(0.5), "random_subset": row(0.6), "centroid": row(0.7),
        "node_sampled": row(0.8), "full_data": row(0.4),
    }  # fmt: skip
    result = Evaluation(rows, {"ridge": row(0.9, 1)}, "mtgnn", "fair", 0, 1.0)
    text = printed(evaluation_table(result, "speed", "km/h"))
    assert "…" not in text
    for words in ("distilled", "0.500 ±0.010", "ridge on lags", "full data", "km/h", "2 seeds"):
        assert words in text


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
    result = Evaluation(rows, {}, "mtgnn", "fair", 0, 1.0)
    assert ROWS.get(name).title in printed(evaluation_table(result, "speed", ""))


def test_forecaster_table():
    rows = [
        {"name": "a", "summary": "what", "source": "where", "num_parameters": 1234},
        {"name": "b", "error": "cannot be loaded"},
    ]
    text = printed(forecaster_table(rows))
    for words in ("1,234", "where", "cannot be loaded"):
        assert words in text


def test_description():
    about = SourceDescription(
        source="x.csv", format="csv", name="x", steps=10, locations=2, features=("v",),
        units=("",), first_time=None, last_time=None, sampling_seconds=900.0,
        missing_share=0.25, has_coordinates=False, hash="abc",
    )  # fmt: skip
    statistics = [{"mean": 1.0, "std": 1.0, "min": 0.0, "max": 2.0, "zero_share": 0.5}]
    text = "\n".join(description_lines(about, statistics))
    assert "step 15 min" in text
    assert "25.00 %" in text
    assert "--missing-value 0" in text
