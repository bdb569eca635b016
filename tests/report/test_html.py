import shutil

import pytest

from stemdist_ray import evaluate, evaluate_forecasters
from stemdist_ray.artifact.manifest import read_manifest
from stemdist_ray.baselines import ROWS
from stemdist_ray.distillation.run_state import RoundRecord
from stemdist_ray.errors import ArtifactError
from stemdist_ray.report.html import outcome, run_view, write_report
from stemdist_ray.system.files import write_json
from stemdist_ray.system.stages import StageRecord
from tests.report.helpers import evaluation, row


@pytest.fixture
def copy(artifact, tmp_path):
    shutil.copytree(artifact, tmp_path / "run")
    for name in ("evaluation.json", "cross_architecture.json"):
        (tmp_path / "run" / name).unlink(missing_ok=True)
    # Other tests may have made a report of the same run.
    shutil.rmtree(tmp_path / "run" / "figures", ignore_errors=True)
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


@pytest.mark.parametrize("name", ["evaluation.json", "cross_architecture.json"])
@pytest.mark.parametrize("content", ["{", "{}", "[]"])
def test_damaged_evaluation(copy, name, content):
    (copy / name).write_text(content)
    with pytest.raises(ArtifactError, match="run stemdist evaluate again"):
        write_report(copy)


def test_rows_in_order(copy):
    names = ["distilled", "random_subset", "centroid", "node_sampled"]
    result = evaluation({name: row(0.5) for name in names}, {"ridge": row(0.9)})
    write_json(copy / "evaluation.json", result.to_json())
    rows = run_view(copy)["rows"]
    assert [r.title for r in rows] == [ROWS.get(n).report_title for n in (*names, "ridge")]
    assert [r.trivial for r in rows] == [False] * 4 + [True]
    assert (rows[0].cells[0], rows[-1].cells[0]) == ("0.500 ± 0.010", "0.900")


def test_rows_of_other_releases_are_shown_by_their_names(copy):
    result = evaluation({"distilled": row(0.5), "oracle": row(0.1)}, {"ridge": row(0.9)})
    write_json(copy / "evaluation.json", result.to_json())
    page = write_report(copy).read_text()
    assert "<td>oracle</td>" in page
    assert "oracle 0.100" in page


@pytest.mark.parametrize(
    ("full", "words"),
    [
        (None, "--full-data measures after how many"),
        (12.0, "took 100 s; one training takes 2.0 s instead of 12.0 s on the full data, so it "
         "pays from the 10th model on."),
        (1.0, "saves no time here"),
    ],
)  # fmt: skip
def test_when_distilling_pays(artifact, full, words):
    seconds = {"read": 10.0, "distill": 5.0}
    manifest = read_manifest(artifact).model_copy(
        update={
            "stages": {name: StageRecord(value, 100.0) for name, value in seconds.items()},
            "history": (RoundRecord(1, 1.0, 50.0, 50.0, 40.0, 100.0, 0.5),),
        }
    )
    rows = {"distilled": row(0.5, seconds=2.0)}
    if full is not None:
        rows["full_data"] = row(0.5, seconds=full)
    assert words in outcome(manifest, evaluation(rows, {"ridge": row(0.5)}))
