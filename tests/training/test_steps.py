import numpy as np
import pytest
import torch

from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.training.losses import weighted_loss
from stemdist_ray.training.steps import FixedWindows, FullData, SampledWindows, TrainingStep


def test_fixed_windows_visit_every_location_once_per_epoch(rng):
    x = rng.normal(size=(5, 6, 7, 1)).astype(np.float32)
    y = rng.normal(size=(5, 4, 7)).astype(np.float32)
    source = FixedWindows(x, y, np.arange(1, 8), subsets=3)
    steps = list(source.epoch(rng))
    assert [s.x.shape[2] for s in steps] == [3, 2, 2]
    np.testing.assert_allclose(sum(float(s.y.sum()) for s in steps), y.sum(), rtol=1e-4)
    for step in steps:
        torch.testing.assert_close(step.mean_window, step.x.mean(0).transpose(0, 1))
        assert abs(float(step.weights.mean()) - 1) < 1e-5


def test_node_sampling_has_the_size_of_a_distilled_step(prepared, rng):
    mean_window = prepared.mean_window()
    source = SampledWindows(prepared.windows, prepared.starts["train"], mean_window, 5, 3, steps=4)
    steps = list(source.epoch(rng))
    assert len(steps) == 4
    assert all(s.x.shape == (5, 6, 3, 3) for s in steps)
    assert len({s.x.sum().item() for s in steps}) == 4
    assert all(torch.all(s.weights == 1) for s in steps)


@pytest.mark.parametrize("masked", [False, True])
def test_pieces_of_a_step_add_up_to_its_gradient(rng, masked):
    x = torch.randn(7, 6, 5, 1)
    y = torch.randn(7, 4, 5)
    observed = torch.as_tensor(rng.random((7, 4, 5)) < 0.6) if masked else None
    step = TrainingStep(x, y, torch.zeros(5, 6, 1), torch.rand(5), observed)
    scale = torch.ones((), requires_grad=True)

    def gradient(size):
        losses = [
            share * weighted_loss(scale * part.x[:, :4, :, 0], part.y, part.weights, part.observed)
            for share, part in step.pieces(size)
        ]
        assert len(losses) == -(-7 // size)
        return torch.autograd.grad(sum(losses), scale)[0]

    torch.testing.assert_close(gradient(3), gradient(7))


def test_full_data_visits_every_window_once(prepared, rng):
    starts = prepared.starts["train"]
    source = FullData(prepared.windows, starts, prepared.mean_window(), batch=50)
    steps = list(source.epoch(rng))
    assert sum(len(s.x) for s in steps) == len(starts)
    assert all(s.x.shape[2] == 24 for s in steps)
    everything = prepared.windows.batch(starts).x.double().sum()
    torch.testing.assert_close(sum(s.x.double().sum() for s in steps), everything)


def test_targets_of_real_steps_are_what_the_base_leaves(based, rng):
    mean_window, starts = based.mean_window(), based.starts["train"]
    steps = [
        *SampledWindows(based.windows, starts, mean_window, 5, 3, steps=2).epoch(rng),
        *FullData(based.windows, starts, mean_window, batch=100).epoch(rng),
    ]
    residual = based.windows.batch(starts).residual()
    for step in steps:
        assert step.y.abs().mean() < 1.5 * residual.abs().mean()
    whole = sum(float(s.y.double().sum()) for s in steps[2:])
    assert whole == pytest.approx(float(residual.double().sum()), rel=1e-4, abs=1e-2)


def test_steps_have_the_graph_of_their_locations(prepared, rng):
    weights = rng.random((24, 24)).astype(np.float32)
    given = prepared.with_graph(LocationGraph.of(weights))
    windows, starts, mean_window = given.windows, given.starts["train"], given.mean_window()

    def locations(step):
        """Which they are, by their mean windows."""
        same = (mean_window[None] == step.mean_window.numpy()[:, None]).all((2, 3))
        return same.argmax(1)

    fixed = FixedWindows(
        *(part.numpy() for part in (windows.batch(starts[:2]).x, windows.batch(starts[:2]).y)),
        np.ones(24, np.int64),
        3,
        mean_window=mean_window,
        graph=given.windows.graph,
    )
    sampled = SampledWindows(windows, starts, mean_window, 5, 3, steps=2)
    for step in [*fixed.epoch(rng), *sampled.epoch(rng)]:
        at = locations(step)
        np.testing.assert_array_equal(step.graph.weights.toarray(), weights[np.ix_(at, at)])
        piece = next(piece for _, piece in step.pieces(1))
        assert piece.graph is step.every(2, 0).graph is step.graph
    full = FullData(windows, starts, mean_window, 64)
    assert all(step.graph is windows.graph for step in full.epoch(rng))
    without = FullData(prepared.windows, starts, mean_window, 64)
    assert all(step.graph is None for step in without.epoch(rng))


def test_windows_may_count_differently():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3, 4, 1)), rng.normal(size=(5, 2, 4))
    x, y = x.astype(np.float32), y.astype(np.float32)
    rows = np.array([0.5, 2.0, 1.0, 1.0, 0.5])
    plain = next(iter(FixedWindows(x, y, np.arange(1, 5), 1).epoch(np.random.default_rng(0))))
    fixed = FixedWindows(x, y, np.arange(1, 5), 1, window_weights=rows)
    step = next(iter(fixed.epoch(np.random.default_rng(0))))
    assert step.weights.shape == (5, 1, 4)
    torch.testing.assert_close(step.weights[:, 0, 0], plain.weights[0] * torch.tensor(rows).float())
    forecast = torch.zeros_like(step.y)
    whole = weighted_loss(forecast, step.y, step.weights)
    by_hand = np.mean(y**2 * rows[:, None, None] * plain.weights.numpy())
    assert whole.item() == pytest.approx(by_hand, rel=1e-5)
    parts = [
        share * weighted_loss(torch.zeros_like(p.y), p.y, p.weights) for share, p in step.pieces(2)
    ]
    assert sum(parts).item() == pytest.approx(whole.item(), rel=1e-5)
    torch.testing.assert_close(step.every(2, 1).weights, step.weights[1::2])
