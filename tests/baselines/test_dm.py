import pytest
import torch

from stemdist_ray.baselines.dm import DmOptions, embedding_bytes, mean_distance
from stemdist_ray.baselines.learned import begin
from stemdist_ray.baselines.method import METHODS
from stemdist_ray.baselines.size import Sizes
from stemdist_ray.errors import ConfigError


def test_embeddings_come_closer(make_work, check_learns):
    start = begin(make_work("dm"), DmOptions())
    check_learns("dm", start, steps=60, batch=64, learning_rate=0.03)


def test_the_distance_is_that_of_means():
    real, synthetic = torch.randn(20, 3, 5), torch.randn(4, 3, 5)
    weights = torch.tensor([2.0, 1.0, 0.0])
    gap = (real.mean(0) - synthetic.mean(0)).square().sum(1)
    expected = (2 * gap[0] + gap[1]) / 3
    torch.testing.assert_close(mean_distance(real, synthetic, weights), expected)
    assert mean_distance(real, real.flip(0), weights) < 1e-10


def test_memory_grows_with_windows_and_batch(make_work):
    work = make_work("dm")
    sizes, more = Sizes.of(work.config, work.real), make_work("dm", temporal=0.5)
    small = embedding_bytes(sizes, DmOptions(batch=8))
    assert small < embedding_bytes(sizes, DmOptions(batch=64))
    assert small < embedding_bytes(Sizes.of(more.config, more.real), DmOptions(batch=8))


def test_options_are_checked():
    with pytest.raises(ConfigError, match=r"method_options of dm: .*it has: locations, start"):
        METHODS.get("dm").read_options({"epochs": 3})
    with pytest.raises(ConfigError, match="method_options of dm: steps"):
        METHODS.get("dm").read_options({"steps": 0})
