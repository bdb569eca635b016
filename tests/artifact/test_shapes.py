import dataclasses

import numpy as np
import pytest

from stemdist_ray import SyntheticDataset
from stemdist_ray.artifact.shapes import check_clusters, check_shapes
from stemdist_ray.errors import ArtifactError


def test_an_array_of_another_shape_is_named():
    sizes = {"W": 3, "K": 2}
    check_shapes({"x: W K": np.zeros((3, 2)), "y: K": None}, sizes, "here")
    with pytest.raises(ArtifactError, match=r"here is damaged: x has the shape \(2, 3\), expected"):
        check_shapes({"x: W K": np.zeros((2, 3))}, sizes, "here")


@pytest.mark.parametrize(
    ("assignment", "sizes", "medoids"),
    [([0, 1, 2], [2, 1], None), ([0, 0, 1], [1, 2], None), ([0, 0, 1], [2, 1], [0, 3])],
)
def test_clusters_that_contradict_each_other(assignment, sizes, medoids):
    medoids = None if medoids is None else np.array(medoids)
    check_clusters(np.array([0, 0, 1]), np.array([2, 1]), np.array([0, 2]), "here")
    with pytest.raises(ArtifactError, match="its clusters are not those"):
        check_clusters(np.array(assignment), np.array(sizes), medoids, "here")


def test_sealed_tables_that_do_not_fit_are_refused(artifact, tmp_path):
    """Seals say that nothing has changed since; that it made sense is another matter."""
    data = SyntheticDataset.load(artifact)
    for change, words in [
        ({"mean_window": data.mean_window[:, 1:]}, "mean_window has the shape"),
        ({"cluster_size": data.cluster_size + 1}, "its clusters are not those"),
        ({"y": data.y[:, :, 1:]}, "y has the shape"),
    ]:
        dataclasses.replace(data, **change).save(tmp_path / "other")
        with pytest.raises(ArtifactError, match=words):
            SyntheticDataset.load(tmp_path / "other")
