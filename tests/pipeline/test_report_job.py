from stemdist_ray import build_config, distill
from stemdist_ray.pipeline.report_job import report_run
from tests.conftest import TINY


def test_page_and_figures_go_to_the_run(traffic, tmp_path):
    import mlflow

    config = build_config("demo", {**TINY, "rounds": 0, "tracking": {"enabled": True}})
    result = distill(traffic, tmp_path / "run", config)
    path = report_run(result.path)
    assert path == tmp_path / "run" / "report.html"
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    names = {a.path for a in client.list_artifacts(result.run_id)}
    assert {"report.html", "figures"} <= names
    figures = {a.path for a in client.list_artifacts(result.run_id, "figures")}
    assert "figures/clusters.svg" in figures
    assert "figures/clusters.png" in figures
    assert client.get_run(result.run_id).info.status == "FINISHED"


def test_a_run_that_was_not_tracked(artifact, tmp_path):
    assert report_run(artifact, tmp_path / "page.html") == tmp_path / "page.html"
    assert not (artifact.parent / "mlflow.db").exists()
