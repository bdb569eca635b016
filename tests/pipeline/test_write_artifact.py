import shutil

import numpy as np
import pytest

from stemdist_ray import SyntheticDataset, distill
from stemdist_ray.artifact.checkpoint import CheckpointStore
from stemdist_ray.config import build_config
from stemdist_ray.data.prepared import prepare
from stemdist_ray.distillation.start import cluster_source, clustered_data, initial_state
from stemdist_ray.errors import ArtifactError, ConfigError
from stemdist_ray.pipeline.write_artifact import save_examples, write_artifact_of_checkpoint
from tests.conftest import TINY


@pytest.fixture
def source(traffic, tiny_config):
    return prepare(traffic, tiny_config.data)


def test_a_checkpoint_is_enough(artifact, source, tmp_path):
    """The same data set as the run itself wrote, without computing a round."""
    shutil.copytree(artifact / "checkpoint", tmp_path / "checkpoint")
    written = write_artifact_of_checkpoint(tmp_path, source)
    whole = SyntheticDataset.load(artifact)
    np.testing.assert_array_equal(written.x, whole.x)
    assert written.manifest.result == whole.manifest.result
    assert written.manifest.history == whole.manifest.history
    assert written.manifest.stages["distill"].seconds > 0
    loaded = SyntheticDataset.load(tmp_path)
    np.testing.assert_array_equal(loaded.y, whole.y)
    np.testing.assert_array_equal(loaded.residual(), whole.residual())
    assert loaded.fitted_base.choice == whole.fitted_base.choice
    assert len(loaded.teacher.members) == len(whole.teacher.members)
    assert CheckpointStore(tmp_path).exists()


def test_so_it_is_where_another_method_made_the_data(source, tmp_path):
    config = build_config("demo", TINY, {"method": "random", "rounds": 0})
    whole = distill(source, tmp_path / "whole", config).dataset
    shutil.copytree(tmp_path / "whole" / "checkpoint", tmp_path / "copy" / "checkpoint")
    written = write_artifact_of_checkpoint(tmp_path / "copy", source)
    np.testing.assert_array_equal(written.x, whole.x)
    np.testing.assert_array_equal(written.residual(), whole.residual())
    np.testing.assert_array_equal(written.weights, whole.weights)


def test_other_readings_are_refused(artifact, traffic, tiny_config, tmp_path):
    shutil.copytree(artifact / "checkpoint", tmp_path / "checkpoint")
    other = prepare(traffic.with_changes(values=traffic.values + 1), tiny_config.data)
    with pytest.raises(ConfigError, match="made from other readings"):
        write_artifact_of_checkpoint(tmp_path, other)
    with pytest.raises(ArtifactError, match="nothing to resume"):
        write_artifact_of_checkpoint(tmp_path / "empty", other)


def test_examples(source, tiny_config, tmp_path):
    clustering = cluster_source(tiny_config, source)
    clustered = clustered_data(source, clustering)
    state, _ = initial_state(tiny_config, source, clustering, clustered)
    save_examples(tmp_path / "e.npz", state, state)
    with np.load(tmp_path / "e.npz", allow_pickle=False) as file:
        assert file["real_x"].shape == (6, 6, 1)
        np.testing.assert_array_equal(file["real_y"], file["learned_y"])
