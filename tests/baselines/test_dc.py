import numpy as np
import torch

from stemdist_ray.baselines.dc import DcOptions, gradient_bytes, gradient_gap
from stemdist_ray.baselines.learned import LearnedWindows, RealWindows, begin, fresh_network
from stemdist_ray.baselines.size import Sizes

# One network that stays as it is, and all windows: then updates can be compared.
SAME = {
    "steps": 30,
    "batch": 1000,
    "learning_rate": 0.02,
    "target_learning_rate": 0.02,
    "updates_per_network": 30,
    "network_steps": 1,
    "network_rate": 0.0,
}


def test_gradients_come_closer(make_work, check_learns):
    made = check_learns("dc", begin(make_work("dc"), DcOptions()), **SAME)
    assert made.objectives[-1] < 0.9 * made.objectives[0]


def test_windows_have_the_gradients_of_themselves(make_work, rng):
    work = make_work("dc")
    begun = begin(work, DcOptions())
    torch.manual_seed(0)
    model = fresh_network(work, begun, at_base=False)
    own = LearnedWindows(begun)
    real = RealWindows(work, begun, rng).draw(20)
    same = gradient_gap(model, own.fixed(), own.windows()).item()
    other = gradient_gap(model, real, own.windows()).item()
    assert 0 <= same < 0.2 * other  # rows without a gradient count as 1 each


def test_the_gap_reaches_inputs_and_targets(make_work, rng):
    work = make_work("dc")
    begun = begin(work, DcOptions())
    torch.manual_seed(0)
    own, real = LearnedWindows(begun), RealWindows(work, begun, rng).draw(20)
    gap = gradient_gap(fresh_network(work, begun, at_base=False), real, own.windows())
    for gradient in torch.autograd.grad(gap, [own.x, own.y]):
        assert np.isfinite(gradient.numpy()).all()
        assert gradient.abs().max() > 0


def test_graphs_need_memory(make_work):
    work = make_work("dc")
    sizes = Sizes.of(work.config, work.real)
    held = gradient_bytes(sizes, DcOptions(batch=1))
    assert held > 8 * sizes.pass_bytes(sizes.windows)
