from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray import SyntheticDataset, distill, evaluate
from stemdist_ray.baselines import METHODS, OWN, available
from stemdist_ray.baselines.method import (
    MethodTask,
    MethodWork,
    check_method,
    describe_methods,
    run_method,
)
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import build_config
from stemdist_ray.data.prepared import prepare
from stemdist_ray.errors import ConfigError
from tests.baselines.conftest import FEW_EXPERTS, experts_for
from tests.conftest import TINY

OTHERS = sorted({*available()} - {OWN})


def settings(name, **more):
    return build_config("demo", TINY, {"method": name, "rounds": 0, **more})


def test_the_methods_that_there_are():
    assert available() == sorted(METHODS)
    assert {OWN, "random", "random_teacher", "medoid", "centroid", "herding"} <= {*available()}
    told = describe_methods()
    assert told[0]["name"] == OWN
    for row in told:
        assert row["summary"]
        assert row["source"]


@pytest.mark.parametrize("name", OTHERS)
def test_every_method_gives_what_was_asked_for(real, based_config, name):
    method, changes = METHODS.get(name), {"method": name, "rounds": 0}
    if "steps" in method.options.model_fields:
        changes["method_options"] = {"steps": 2}
    options = method.read_options(changes.get("method_options", {}))
    if method.keeps_locations(options):
        changes["spatial_ratio"] = 1.0
    config = based_config.model_copy(update=changes)
    work = MethodWork(real, config, options)
    if method.experts is not None:
        config = config.model_copy(update={"method_options": {**FEW_EXPERTS, "steps": 2}})
    task = MethodTask("m", config, "cpu", experts_for(replace(work, config=config)))
    made = run_method(real, task)
    windows, locations = made.state.num_windows, made.state.num_locations
    assert windows == work.num_windows
    assert locations == work.num_locations
    assert isinstance(made.clustering, Clustering)
    assert made.clustering.num_clusters == len(made.clustering.loss_weights) == locations
    np.testing.assert_array_equal(
        np.bincount(made.clustering.assignment, minlength=locations), made.clustering.cluster_size
    )
    assert made.clustering.cluster_size.min() >= 1
    assert np.isfinite(made.state.x).all()
    assert np.isfinite(made.state.y).all()
    assert made.known.offset.shape == made.state.y.shape
    again = run_method(real, task)
    np.testing.assert_array_equal(again.state.x, made.state.x)


def test_what_is_made_fewer_may_be_an_option():
    method = METHODS.get("dm")
    assert method.compresses == "windows, or both"
    assert method.keeps_locations(method.read_options({}))
    assert not method.keeps_locations(method.read_options({"locations": "medoids"}))
    assert not METHODS.get("random").keeps_locations(METHODS.get("random").options())
    check_method(settings("dm", budget=0.1))
    check_method(settings("dm", method_options={"locations": "medoids"}))


@pytest.mark.parametrize("name", ["random_teacher", "dm"])
def test_a_budget_decides_the_size(tmp_path, traffic, name):
    given = {"steps": 2} if name == "dm" else {}
    config = settings(name, budget=0.06, method_options=given)
    data = distill(traffic, tmp_path / name, config).dataset
    windows = len(based_windows(traffic, config))
    entries = data.x.shape[0] * data.x.shape[2]
    assert 0.8 * 0.06 < entries / (windows * 24) <= 0.06
    assert (data.x.shape[2] == 24) == (name == "dm")
    again = distill(traffic, tmp_path / name, config, resume=True)
    np.testing.assert_array_equal(again.dataset.x, data.x)


def based_windows(series, config):
    return prepare(series, config.data).starts["train"]


@pytest.mark.parametrize("name", ["random", "random_teacher", "herding"])
def test_data_sets_of_other_methods_are_judged_like_ours(tmp_path, traffic, name):
    result = distill(traffic, tmp_path / name, settings(name))
    data = SyntheticDataset.load(result.path)
    assert data.config.method == name
    assert (data.teacher is not None) == METHODS.get(name).uses_teacher
    np.testing.assert_array_equal(data.clustering.loss_weights, np.ones(data.x.shape[2]))
    table = evaluate(result.path, traffic)
    assert np.isfinite(table.distilled.test.values["relative_rmse"]["mean"])
    assert ("random_teacher" in table.rows) == (data.teacher is not None)
    again = distill(traffic, tmp_path / name, settings(name), resume=True)
    np.testing.assert_array_equal(again.dataset.x, data.x)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "magic"}, "unknown method 'magic'; expected one of: centroid, "),
        ({"method": "random", "rounds": 2}, "rounds are those of method stemdist; random has none"),
        (
            {"method": "dm"},
            "dm keeps all locations: expected spatial_ratio 1, found 0.1; give that",
        ),
        ({"method": "random", "method_options": {"a": 1}}, "method_options of random: a: "),
    ],
)
def test_what_does_not_fit_is_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        check_method(build_config("demo", {"rounds": 0}, changes))


def test_a_refused_method_leaves_nothing_behind(tmp_path, traffic):
    with pytest.raises(ConfigError, match="unknown method"):
        distill(traffic, tmp_path / "out", settings("magic"))
    assert not list(tmp_path.iterdir())
