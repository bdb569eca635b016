import logging
from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.artifact.expert_files import ExpertStore, expert_key
from stemdist_ray.distillation.experts import Expert, ExpertPlan

PLAN = ExpertPlan(count=3, epochs=4, steps=5, windows=8, locations=8, learning_rate=0.1)


@pytest.fixture
def store(tmp_path, tiny_config):
    return ExpertStore(tmp_path, tiny_config, PLAN, "abc")


def expert(index=0):
    weights = np.random.default_rng(index).normal(size=(5, 7)).astype(np.float32)
    return Expert(weights, 1.5, 200.25, index)


def test_experts_come_back_as_they_were(store):
    assert store.load(0) is None
    for index in (1, 0):
        store.save(expert(index))
    for index in (0, 1):
        again = store.load(index)
        np.testing.assert_array_equal(again.weights, expert(index).weights)
        assert again.weights.dtype == np.float32
        assert (again.index, again.seconds, again.peak_rss_mib) == (index, 1.5, 200.25)


def test_a_changed_bit_is_found_and_the_expert_trained_again(store, caplog):
    store.save(expert())
    (path,) = store.folder.glob("*.expert")
    content = bytearray(path.read_bytes())
    content[-30] ^= 1
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert store.load(0) is None
    assert "it is trained again" in caplog.text


def test_what_decides_an_expert_is_in_its_key(tiny_config):
    def key(plan=PLAN, readings="abc", **changes):
        return expert_key(tiny_config.model_copy(update=changes), plan, readings)

    same = key()
    assert key(spatial_ratio=0.2, method="mtt", method_options={"steps": 3}, rounds=0) == same
    assert key(replace(PLAN, count=9)) == same
    others = [
        *(key(seed=1), key(base="none"), key(readings="abd"), key(replace(PLAN, steps=6))),
        key(forecaster=tiny_config.forecaster.model_copy(update={"name": "dlinear"})),
        key(worker=tiny_config.worker.model_copy(update={"threads": 2})),
    ]
    assert len({same, *others}) == len(others) + 1
