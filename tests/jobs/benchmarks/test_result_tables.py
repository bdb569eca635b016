import json
from pathlib import Path

import numpy as np
import pytest

from jobs.benchmarks.datasets import CASES
from jobs.benchmarks.result_tables import filled, pool, tables
from stemdist_ray.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]


def test_the_readme_holds_what_the_files_say():
    text = (ROOT / "jobs" / "README.md").read_text()
    assert filled(text, tables(ROOT / "jobs" / "results")) == text


def test_every_result_names_how_it_was_made():
    for path in (ROOT / "jobs" / "results").glob("*.json"):
        tree = json.loads(path.read_text())
        if path.stem.startswith("rank-"):
            continue
        assert path.stem.rpartition("-")[2] in {case.name for case in CASES}
        assert tree["command"].startswith("python jobs/benchmark.py")
        assert tree["versions"]["torch"]
        assert tree["hardware"]
        assert tree.get("runs") or tree.get("variants") or tree["forecasters"]


def test_every_ranking_names_how_it_was_made():
    for path in (ROOT / "jobs" / "results").glob("rank-*.json"):
        tree = json.loads(path.read_text())
        if "metr_la-" not in path.stem:  # rankings once did not write it down
            assert tree["command"].startswith("stemdist rank ")
        assert tree["versions"]["torch"]
        assert tree["hardware"]
        assert len(tree["configurations"]) > 1


def test_pooled_deviation_is_that_of_all_trainings(rng):
    values = rng.normal(size=(2, 3)) + np.array([[0.0], [1.0]])
    summaries = [{"mean": v.mean(), "std": v.std(ddof=1), "repeats": 3} for v in values]
    assert pool(summaries) == pytest.approx((values.mean(), values.std(ddof=1)))


def test_a_place_without_a_table_is_an_error():
    with pytest.raises(ConfigError, match="no table 'nothing'"):
        filled("<!-- results:nothing -->\n<!-- end -->", {})
