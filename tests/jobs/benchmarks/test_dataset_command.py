import pytest

from jobs.benchmarks.dataset_command import run_datasets_command, run_variants_command
from stemdist_ray.errors import ConfigError


def test_unknown_names_and_numbers_out_of_range_are_told(tmp_path):
    with pytest.raises(ConfigError, match="--seeds takes numbers from 1; found 0"):
        run_datasets_command(tmp_path, None, 0, False, [], tmp_path, "")
    with pytest.raises(ConfigError, match="no such data set"):
        run_variants_command("ablation", tmp_path, ["mars"], tmp_path, "")
