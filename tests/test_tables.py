import io

from rich.console import Console

from stemdist_ray.evaluation.compare import MethodResult
from stemdist_ray.evaluation.metrics import METRIC_NAMES, Summary
from stemdist_ray.pipeline import CrossEvaluation, EvaluationResult
from stemdist_ray.tables import cross_table, description_lines, evaluation_table, forecaster_table


def row(value, repeats=2):
    values = {name: {"mean": value, "std": 0.01} for name in METRIC_NAMES}
    summary = Summary(values, {}, repeats)
    return MethodResult(summary, summary, 1.5, 100.0, 200)


def test_table_fits_80_columns():
    result = EvaluationResult(
        row(0.5), row(0.6), row(0.7), row(0.8), row(0.4), {"ridge": row(0.9, 1)}, "mtgnn",
        "fair", 0, 1.0,
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=80)
    console.print(evaluation_table(result, "speed", "km/h"))
    text = console.file.getvalue()
    assert "…" not in text
    for words in ("distilled", "0.500 ±0.010", "ridge on lags", "full data", "km/h", "2 seeds"):
        assert words in text


def test_cross_table_fits_80_columns():
    rows = {"distilled": row(0.5), "node_sampled": row(0.6), "full_data": row(0.4)}
    naive = {"historical_average": row(0.9, 1)}
    every = {"graph_wavenet": rows}
    result = CrossEvaluation(every, {"stid": "never finite"}, naive, "mtgnn", "paper", 0)
    console = Console(file=io.StringIO(), width=80)
    console.print(cross_table(result, "speed", "km/h"))
    text = " ".join(console.file.getvalue().split())
    assert "…" not in text
    for words in ("graph_wavenet distilled 0.500 ±0.010", "historical average", "km/h", "(paper)"):
        assert words in text
    assert "stid left out: never finite" in text


def test_forecaster_table():
    rows = [
        {"name": "a", "summary": "what", "source": "where", "num_parameters": 1234},
        {"name": "b", "error": "cannot be loaded"},
    ]
    console = Console(file=io.StringIO(), width=80)
    console.print(forecaster_table(rows))
    for words in ("1,234", "where", "cannot be loaded"):
        assert words in console.file.getvalue()


def test_description():
    tree = {
        "source": "x.csv", "format": "csv", "steps": 10, "locations": 2, "features": ["v"],
        "units": [""], "first_time": None, "last_time": None, "sampling_seconds": 900.0,
        "missing_share": 0.25, "has_coordinates": False, "hash": "abc",
        "statistics": [{"mean": 1.0, "std": 1.0, "min": 0.0, "max": 2.0, "zero_share": 0.5}],
    }  # fmt: skip
    text = "\n".join(description_lines(tree))
    assert "step 15 min" in text
    assert "25.00 %" in text
    assert "--missing-value 0" in text
