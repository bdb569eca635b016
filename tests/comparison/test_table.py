import json
import math
from dataclasses import replace

import pytest

from stemdist_ray.comparison.rows import CurvePoint, RowResult
from stemdist_ray.comparison.table import (
    CrossEvaluation,
    Evaluation,
    read_cross_evaluation,
    read_evaluation,
)
from stemdist_ray.errors import ArtifactError
from stemdist_ray.evaluation.metrics import METRIC_NAMES, Summary
from stemdist_ray.system.files import write_json
from tests.conftest import GOLDEN


def row(error, **more):
    values = {name: {"mean": error, "std": 0.1} for name in METRIC_NAMES}
    steps = {name: {"mean": [error, error], "std": [0.0, 0.0]} for name in METRIC_NAMES}
    summary = Summary(values, steps, 3)
    curve = (CurvePoint(25, 1.0, 0.9, error + 0.1, 0.2), CurvePoint(50, 2.0, 0.8, error, 0.1))
    rest = {"train_seconds": 2.0, "best_epochs": (3, 4, 5), "learning_rate": 2e-3, "curve": curve}
    return RowResult(summary, summary, **{**rest, **more})


def evaluation(alone=None, **rows):
    tracks = {"with_base": {"distilled": row(0.5, peak_rss_mib=100.0), **rows}}
    if alone is not None:
        tracks["network_alone"] = alone
    return Evaluation(
        tracks=tracks,
        naive={"ridge": row(0.6)},
        forecaster="mtgnn",
        protocol="fair",
        seed=1,
        peak_rss_mib=100.0,
        distill_seconds=30.0,
    )


@pytest.mark.parametrize("rows", [{}, {"random_subset": row(0.7)}, {"full_data": row(0.4)}])
def test_round_trip(rows, tmp_path):
    one = evaluation(**rows)
    write_json(tmp_path / "evaluation.json", one.to_json())
    assert read_evaluation(tmp_path / "evaluation.json") == one


def test_both_tracks_survive_their_file(tmp_path):
    one = evaluation({"distilled": row(0.8), "node_sampled": row(0.7)}, node_sampled=row(0.4))
    write_json(tmp_path / "e.json", one.to_json())
    again = read_evaluation(tmp_path / "e.json")
    assert again == one
    assert (again.track, list(again.tracks)) == ("with_base", ["with_base", "network_alone"])
    assert again.rows is again.tracks["with_base"]
    assert list(again.every_row()) == ["distilled", "node_sampled", "ridge"]


def test_a_network_alone_is_the_default_track_where_there_is_no_base(tmp_path):
    one = replace(evaluation(), tracks={"network_alone": {"distilled": row(0.5)}})
    assert one.track == "network_alone"
    tree = one.to_json()
    assert tree["with_base"] is None
    assert tree["network_alone"]["relative_rmse"]["mean"] == tree["relative_rmse"]["mean"] == 0.5
    write_json(tmp_path / "e.json", tree)
    assert read_evaluation(tmp_path / "e.json") == one


def test_a_row_this_release_does_not_know_is_kept(tmp_path):
    write_json(tmp_path / "e.json", evaluation(medoids=row(0.3)).to_json())
    assert read_evaluation(tmp_path / "e.json").rows["medoids"] == row(0.3)


def test_keys_of_the_contract():
    alone = {"distilled": row(0.8), "random_subset": row(0.9)}
    tree = evaluation(alone, random_subset=row(0.7), node_sampled=row(0.5)).to_json()
    assert tree["relative_rmse"]["mean"] == 0.5
    assert tree["random_subset"]["relative_rmse"]["mean"] == 0.7
    assert tree["naive"]["ridge"]["relative_rmse"]["mean"] == 0.6
    assert tree["full_data"] is None
    assert tree["track"] == "with_base"
    assert tree["with_base"]["random_subset"]["relative_rmse"]["mean"] == 0.7
    assert tree["network_alone"]["relative_rmse"]["mean"] == 0.8
    assert tree["network_alone"]["random_subset"]["relative_rmse"]["mean"] == 0.9
    assert tree["learning_rate"] == 2e-3
    assert tree["curve"][1] == {
        "steps": 50,
        "train_seconds": 2.0,
        "validation_relative_rmse": 0.8,
        "relative_rmse": {"mean": 0.5, "std": 0.1},
    }
    assert tree["distill_seconds"] == 30.0
    assert list(tree["break_even"]) == ["with_base.node_sampled"]


def test_what_is_not_a_number_is_null_in_the_file(tmp_path):
    one = evaluation(random_subset=row(float("nan")))
    write_json(tmp_path / "e.json", one.to_json())
    tree = json.loads((tmp_path / "e.json").read_text())
    assert tree["random_subset"]["mape"]["mean"] is None
    again = read_evaluation(tmp_path / "e.json")
    assert again.rows["random_subset"].test.values["mape"]["mean"] != 0.0


def test_cross_table(tmp_path):
    one = CrossEvaluation(
        rows={"stid": {"distilled": row(0.5), "random_subset": row(0.6)}},
        failed={"agcrn": "diverged"},
        naive={"ridge": row(0.6)},
        surrogate="mtgnn",
        protocol="paper",
        seed=0,
        track="with_base",
    )
    write_json(tmp_path / "c.json", one.to_json())
    assert read_cross_evaluation(tmp_path / "c.json") == one
    records = one.to_records()
    assert [(r["forecaster"], r["trained_on"]) for r in records] == [
        ("stid", "distilled"),
        ("stid", "random_subset"),
        ("ridge", "full_data"),
    ]


def test_tables_of_the_first_release_are_read():
    one = read_evaluation(GOLDEN / "artifact_v1" / "evaluation.json")
    assert list(one.rows) == ["distilled", "random_subset", "centroid", "node_sampled"]
    assert (one.track, list(one.tracks)) == ("network_alone", ["network_alone"])
    assert math.isnan(one.distill_seconds)
    old, tree = json.loads((GOLDEN / "artifact_v1" / "evaluation.json").read_text()), one.to_json()
    assert {name: tree[name]["relative_rmse"] for name in one.rows if name in old} == {
        name: old[name]["relative_rmse"] for name in one.rows if name in old
    }
    assert tree["relative_rmse"] == old["relative_rmse"]
    assert {n: r["mae"] for n, r in tree["naive"].items()} == {
        n: r["mae"] for n, r in old["naive"].items()
    }
    cross = read_cross_evaluation(GOLDEN / "artifact_v1" / "cross_architecture.json")
    assert list(cross.rows) == ["stnorm", "dlinear"]
    assert cross.track == "network_alone"


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_damage_is_reported(tmp_path, text):
    assert read_evaluation(tmp_path / "none.json") is None
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(ArtifactError, match="is damaged: .*; run stemdist evaluate again"):
        read_evaluation(tmp_path / "e.json")
