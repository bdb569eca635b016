import pytest
import torch

from stemdist_ray.distillation.shard_memory import StepMemory, kept_bytes, windows_per_piece
from stemdist_ray.errors import ConfigError

CPU = torch.device("cpu")
STEP = StepMemory(fixed=1000, per_window=100)


def test_memory_of_a_graph():
    x = torch.ones(1000, requires_grad=True)  # float32: 4000 bytes

    def graph():
        return (x.exp() * x.exp()).sum()  # keeps both results, x is not needed

    assert kept_bytes(graph, CPU) == 8000
    assert kept_bytes(lambda: x.sum(), CPU) == 0
    assert kept_bytes(lambda: (x * x).sum(), CPU) == 4000  # the same tensor twice


def test_measured_on_a_few_windows():
    weight = torch.ones(50, requires_grad=True)

    def graph(windows):
        x = torch.ones(windows, 50)
        return (x * weight).exp().sum() + weight.exp().sum()

    step = StepMemory.measure(graph, CPU)
    assert step.of(64) == kept_bytes(lambda: graph(64), CPU)


@pytest.mark.parametrize(
    ("windows", "steps", "budget", "wanted"),
    [
        (10, 4, 8000, None),  # all of them fit
        (10, 4, 7999, 10),  # one step at a time
        (10, 4, 2000, 10),
        (10, 4, 1999, 9),  # and that cut
        (10, 1, 1100, 1),
    ],
)
def test_windows_at_a_time(windows, steps, budget, wanted):
    assert windows_per_piece(STEP, windows, 7, steps, budget) == wanted


def test_not_even_one_window():
    with pytest.raises(ConfigError, match="one synthetic window of 7 locations needs 1.1 KiB"):
        windows_per_piece(STEP, 10, 7, 4, 1099)
