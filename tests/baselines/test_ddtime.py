import pytest
import torch

from stemdist_ray.baselines.ddtime import DDTimeOptions, similarity, spectral_alignment
from stemdist_ray.baselines.learned import begin
from tests.baselines.conftest import FEW_EXPERTS


def test_students_targets_and_windows_come_nearer(make_work, check_learns):
    options = {**FEW_EXPERTS, "steps": 30, "learning_rate": 0.02, "target_learning_rate": 0.02}
    check_learns("ddtime", begin(make_work("ddtime"), DDTimeOptions()), **options)


def test_alignment_is_a_mean_of_both_domains(rng):
    one, two = (torch.tensor(rng.normal(size=(3, 8, 2))) for _ in range(2))
    squares = (one - two).square().mean()
    spectrum = torch.view_as_real(torch.fft.rfft(one - two, dim=1, norm="ortho")).abs().mean()
    torch.testing.assert_close(spectral_alignment(one, two, 0.0), squares)
    torch.testing.assert_close(spectral_alignment(one, two, 1.0), spectrum)
    torch.testing.assert_close(spectral_alignment(one, two, 0.25), 0.25 * spectrum + 0.75 * squares)
    assert spectral_alignment(one, one, 0.5) == 0


def test_windows_that_are_alike_cost(rng):
    x, y = torch.tensor(rng.normal(size=(6, 4, 3, 1))), torch.tensor(rng.normal(size=(6, 2, 3)))
    near = 0.001 * x + x[:1] * torch.tensor([1.0, 1, 1, -1, -1, -1])[:, None, None, None]
    close = 0.001 * y + y[:1] * torch.tensor([1.0, 1, 1, -1, -1, -1])[:, None, None]
    assert similarity(x, y) < similarity(near, close)
    assert similarity(near, close).item() == pytest.approx(1.0, abs=0.01)
    assert similarity(x[:1], y[:1]) == 0
