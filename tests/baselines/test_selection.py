import numpy as np
import pytest

from stemdist_ray.baselines.method import MethodOptions, MethodWork
from stemdist_ray.baselines.selection import (
    location_features,
    nearest,
    selected,
    window_features,
)
from stemdist_ray.distillation.validation import real_data


@pytest.fixture(scope="module")
def work(based, based_config):
    return MethodWork(real_data(based, based_config), based_config, MethodOptions())


def test_points_belong_to_the_nearest_chosen_one(rng):
    features = rng.normal(size=(50, 3)).astype(np.float32)
    features[7] = features[3]  # two chosen ones that are equal
    chosen = np.array([3, 7, 20])
    found = nearest(features, chosen)
    np.testing.assert_array_equal(found[chosen], [0, 1, 2])
    for i, own in enumerate(found):
        distance = np.linalg.norm(features[chosen] - features[i], axis=1)
        assert distance[own] == pytest.approx(distance.min(), abs=1e-6)


def test_features_tell_locations_and_windows_apart(work):
    count = work.real.windows.num_locations
    assert location_features(work).shape[0] == count
    some = np.arange(0, count, 2)
    features = window_features(work, some)
    assert features.shape == (len(work.real.starts), 256)
    batch = work.real.windows.batch(work.real.starts[:2], some)
    own = work.real.windows.own_features
    both = np.concatenate(
        [batch.x.numpy()[..., :own].reshape(2, -1), batch.y.numpy().reshape(2, -1)], axis=1
    )
    exact = np.square(both[0] - both[1]).sum()
    assert np.square(features[0] - features[1]).sum() == pytest.approx(exact, rel=0.5)


def test_selected_windows_are_readings(work):
    starts, locations = work.real.starts[[3, 40]], np.array([1, 4, 6])
    assignment = nearest(location_features(work), locations)
    for even in (True, False):
        made = selected(work, starts, locations, assignment, even)
        wanted = work.real.windows.batch(starts, locations)
        seen = wanted.observed
        if seen is None:
            np.testing.assert_array_equal(made.state.y, wanted.y.numpy())
        else:
            np.testing.assert_array_equal(made.state.y[seen.numpy()], wanted.y.numpy()[seen])
        np.testing.assert_array_equal(made.clustering.medoids, locations)
        weights = made.clustering.loss_weights
        assert (weights == 1).all() == even or (made.clustering.cluster_size == 1).all()
