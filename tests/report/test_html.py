import shutil

import pytest

from stemdist_ray import evaluate, evaluate_forecasters
from stemdist_ray.errors import ArtifactError
from stemdist_ray.report.html import evaluation_rows, outcome, write_report


@pytest.fixture
def copy(artifact, tmp_path):
    shutil.copytree(artifact, tmp_path / "run")
    for name in ("evaluation.json", "cross_architecture.json"):
        (tmp_path / "run" / name).unlink(missing_ok=True)
    return tmp_path / "run"


def test_report_before_evaluation(copy):
    page = write_report(copy).read_text()
    assert "Not evaluated yet" in page
    assert page.count("<svg") == 4


def test_report_with_everything(copy, traffic):
    evaluate(copy, traffic)
    path = write_report(copy)
    page = path.read_text()
    assert path == copy / "report.html"
    assert page.count("<svg") == 5
    assert page.count('role="img"') == 5
    assert "ridge on lags" in page
    assert "reaches a test relative RMSE of" in page
    assert "src=" not in page
    assert 'href="http' not in page.replace("http://www.w3.org", "")
    names = {p.stem for p in (copy / "figures").glob("*.png")}
    assert names == {"convergence", "horizon", "windows", "clusters", "map"}


def test_cross_architecture_table_and_figure(copy, traffic):
    evaluate_forecasters(copy, traffic, ["dlinear", "stid"])
    page = write_report(copy).read_text()
    assert "Other forecasters on the same data" in page
    assert page.count("<td>stid</td>") == 3
    assert (copy / "figures" / "cross_architecture.png").exists()


def test_output_elsewhere(copy, tmp_path):
    assert write_report(copy, tmp_path / "x.html") == tmp_path / "x.html"


def test_damaged_evaluation(copy):
    (copy / "evaluation.json").write_text("{")
    with pytest.raises(ArtifactError, match="run stemdist evaluate again"):
        write_report(copy)


def test_rows_in_order():
    tree = {"random_subset": 1, "centroid": 2, "node_sampled": 3, "full_data": None}
    rows = evaluation_rows({**tree, "naive": {"ridge": 4}})
    assert list(rows) == ["distilled", "random_subset", "centroid", "node_sampled", "ridge"]


@pytest.mark.parametrize(
    ("full", "words"),
    [
        (None, "--full-data measures after how many"),
        (12.0, "took 100 s; one training takes 2.0 s instead of 12.0 s on the full data, so it "
         "pays from the 10th model on."),
        (1.0, "saves no time here"),
    ],
)  # fmt: skip
def test_when_distilling_pays(full, words):
    rounds = [{"seconds": 50.0, "validation_seconds": 40.0}]
    manifest = {
        "stages": {"read": {"seconds": 10.0}, "distill": {"seconds": 5.0}},
        "history": rounds,
    }
    row = {"relative_rmse": {"mean": 0.5}}
    evaluation = {**row, "train_seconds": 2.0, "naive": {"ridge": row}}
    evaluation["full_data"] = None if full is None else {**row, "train_seconds": full}
    assert words in outcome(manifest, evaluation)
