import json

import numpy as np
import pytest

from jobs.benchmarks.dataset_command import run_datasets_command
from jobs.benchmarks.datasets import Case, run_case, write_result
from stemdist_ray.errors import ConfigError
from stemdist_ray.progress import SilentReporter

FAST = [
    "worker.num_workers=0",
    "budget=0.05",
    "data.lookback=6",
    "data.horizon=4",
    "teacher.epochs=1",
    "teacher.members=1",
    "validation.epochs=1",
    "validation.repeats=1",
    "evaluation.epochs=1",
    "evaluation.repeats=1",
    "evaluation.rate_factors=[1.0]",
    "evaluation.curve=[2]",
]


def test_a_result_holds_both_tracks_and_what_distilling_took(tmp_path, traffic):
    case = Case("small", "small (400 x 24)", "small.npz")
    np.savez(tmp_path / case.file, data=np.nan_to_num(traffic.values, nan=90.0))
    result = run_case(case, tmp_path, [0, 1], False, FAST, SilentReporter())
    assert [run["seed"] for run in result["runs"]] == [0, 1]
    run = result["runs"][0]
    assert run["evaluation"]["with_base"]["random_teacher"]["curve"]
    assert run["evaluation"]["network_alone"]["relative_rmse"]["mean"] > 0
    assert run["distill_seconds"] > 0
    write_result(tmp_path / "small.json", case, result, "python jobs/benchmark.py datasets")
    tree = json.loads((tmp_path / "small.json").read_text())
    assert "per_horizon" not in json.dumps(tree)
    assert tree["hardware"]


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="no such data set; there are metr_la"):
        run_datasets_command(tmp_path, ["mars"], 1, False, [], tmp_path, "")
    with pytest.raises(ConfigError, match="--data names the folder"):
        run_datasets_command(tmp_path, ["sst"], 1, False, [], tmp_path, "")
