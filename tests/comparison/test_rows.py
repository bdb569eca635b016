import math

from stemdist_ray.comparison.rows import CurvePoint, RowResult, number
from stemdist_ray.evaluation.metrics import METRIC_NAMES, Metrics, Summary


def summary(value):
    numbers = dict.fromkeys(METRIC_NAMES, value)
    return Summary.of([Metrics(**numbers, per_horizon=dict.fromkeys(METRIC_NAMES, (value, value)))])


def test_a_row_survives_its_file():
    curve = (CurvePoint(25, 0.5, 0.6, 0.7, 0.01), CurvePoint(50, 1.0, 0.5, math.nan, 0.0))
    row = RowResult(summary(0.5), summary(0.6), 1.5, 100.0, 50, (0, 3), 12, 2e-3, curve)
    again = RowResult.from_json(row.to_json())
    assert again.curve[0] == curve[0]
    assert math.isnan(again.curve[1].test)
    assert (again.learning_rate, again.best_epochs) == (2e-3, (0, 3))


def test_rows_of_earlier_releases_have_no_curve():
    tree = RowResult(summary(0.5), summary(0.6)).to_json()
    del tree["curve"], tree["learning_rate"]
    assert RowResult.from_json(tree).curve == ()


def test_null_is_nan():
    assert math.isnan(number(None))
    assert number(2) == 2.0
