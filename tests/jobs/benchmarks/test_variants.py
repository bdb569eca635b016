import numpy as np
import pytest

from jobs.benchmarks.datasets import Case
from jobs.benchmarks.variants import ABLATION, BALANCE, run_variants
from stemdist_ray.config import DistillConfig, build_config, parse_assignments
from stemdist_ray.progress import SilentReporter
from tests.jobs.benchmarks.test_datasets import FAST


@pytest.mark.parametrize("settings", [*ABLATION.values(), *BALANCE.values()])
def test_every_variant_is_a_configuration(settings):
    build_config("standard", parse_assignments(list(settings), DistillConfig))


def test_a_variant_is_judged_on_its_own_track(tmp_path, traffic):
    case = Case("small", "small (400 x 24)", "small.npz")
    np.savez(tmp_path / case.file, data=np.nan_to_num(traffic.values, nan=90.0))
    variants = {"as it is": FAST, "base: none": [*FAST, "base=none"]}
    found = run_variants(case, tmp_path, variants, SilentReporter())
    assert [v["track"] for v in found] == ["with_base", "network_alone"]
    assert all(v["relative_rmse"]["mean"] > 0 for v in found)
