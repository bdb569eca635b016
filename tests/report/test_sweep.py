import json
import re
import shutil

import pytest

from stemdist_ray.artifact.sweep_files import is_sweep
from stemdist_ray.errors import ArtifactError
from stemdist_ray.report.sweep import write_sweep_report


@pytest.fixture
def folder(artifact, tmp_path):
    """A finished sweep of four trials around a distilled data set."""
    shutil.copytree(artifact, tmp_path / "best")
    for name in ("evaluation.json", "cross_architecture.json"):
        (tmp_path / "best" / name).unlink(missing_ok=True)
    trials = [trial(1, 0.6, 2000), trial(2, 0.5, 9000), trial(3, 0.7, 9000, status="stopped")]
    failed = {**trial(4, 1, 1), "status": "failed", "metrics": {}, "history": [], "reason": "why"}
    trials[1]["test"] = {"mean": 0.55, "std": 0.01}
    tree = {
        "source": {"name": "traffic"}, "objectives": ["error", "bytes"], "best": "t2",
        "front": ["t2", "t1"], "chosen": ["t2"], "trials": [*trials, failed],
    }  # fmt: skip
    (tmp_path / "sweep.json").write_text("{}")
    (tmp_path / "results.json").write_text(json.dumps(tree))
    return tmp_path


def trial(number, error, size, status="finished"):
    metrics = {
        "error": error, "bytes": size, "windows": 3 * number, "locations": 5, "round": 2,
        "train_seconds": None, "seconds": 4.0,
    }  # fmt: skip
    return {
        "id": f"t{number}", "number": number, "point": {"spatial_ratio": 0.1 * number},
        "status": status, "metrics": metrics, "history": [[0, error + 0.1], [2, error]],
        "test": None, "reason": None,
    }  # fmt: skip


def test_page_and_figures(folder):
    assert is_sweep(folder)
    page = write_sweep_report(folder).read_text()
    assert "4 ways to shrink traffic were tried" in page
    assert "validation relative RMSE of 0.500 (test 0.550 ± 0.010)" in page
    assert "costs an error of 0.600" in page
    assert "failed: why" in page
    assert page.count("<svg") == page.count('role="img"') == 7
    assert "src=" not in page
    assert 'href="http' not in page.replace("http://www.w3.org", "")
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) > 50
    for name in ("front", "ratios", "trials", "convergence"):
        assert (folder / "figures" / f"{name}.svg").exists()
        assert (folder / "figures" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"


def test_unfinished_or_damaged(folder, tmp_path):
    for text in ("{", "{}", "[]", '{"trials": [], "front": [], "best": "x"}'):
        (folder / "results.json").write_text(text)
        with pytest.raises(ArtifactError, match="is damaged"):
            write_sweep_report(folder)
    (folder / "results.json").unlink()
    with pytest.raises(
        ArtifactError, match="is not finished; go on with stemdist tune and resume=True"
    ):
        write_sweep_report(folder)
    assert not is_sweep(folder / "best")
