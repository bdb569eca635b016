import numpy as np
import pytest
import torch

from stemdist_ray.distillation.state import KnownParts, SyntheticState
from stemdist_ray.forecasters.closed_form.base_model import own_map


def make(rng):
    x, y = rng.normal(size=(3, 4, 6, 2)), rng.normal(size=(3, 5, 6))
    state = SyntheticState.fresh(x.astype(np.float32), y.astype(np.float32))
    return SyntheticState(**{**state.arrays(), "updates": np.arange(6)})


def test_take_and_put_are_inverse(rng):
    state = make(rng)
    parts = [np.array([4, 1]), np.array([0, 2, 3, 5])]
    pieces = [(p, state.take(p)) for p in parts]
    assert pieces[0][1].x.shape == (3, 4, 2, 2)
    np.testing.assert_array_equal(pieces[0][1].updates, [4, 1])
    empty = SyntheticState(**{k: np.zeros_like(v) for k, v in state.arrays().items()})
    back = empty.put(pieces)
    for name, array in state.arrays().items():
        np.testing.assert_array_equal(getattr(back, name), array)


def test_put_leaves_the_original_alone(rng):
    state = make(rng)
    before = state.x.copy()
    piece = state.take(np.array([1]))
    piece.x[:] = 99
    state.put([(np.array([1]), piece)])
    np.testing.assert_array_equal(state.x, before)


def test_sizes(rng):
    state = make(rng)
    assert (state.num_windows, state.num_locations) == (3, 6)


@pytest.fixture
def known(rng):
    calendar = rng.normal(size=(3, 4, 2)).astype(np.float32)
    offset = rng.normal(size=(3, 5, 6)).astype(np.float32)
    return KnownParts(calendar, offset, rng.normal(size=(5, 8)).astype(np.float32))


def test_nothing_is_known_at_first(rng):
    state, nothing = make(rng), KnownParts()
    assert nothing.inputs(state.x) is state.x
    assert nothing.base(state.x) is None
    assert nothing.residual(state.x, state.y) is state.y
    assert nothing.take(np.array([1])) is nothing


def test_inputs_are_the_learned_ones_and_the_calendar(rng, known):
    state = make(rng)
    inputs = known.inputs(state.x)
    assert inputs.shape == (3, 4, 6, 4)
    np.testing.assert_array_equal(inputs[..., :2], state.x)
    np.testing.assert_array_equal(inputs[:, :, 3, 2:], known.calendar)


def test_the_base_is_the_map_of_the_lags_and_the_offset(rng, known):
    state = make(rng)
    lags = state.x.transpose(0, 2, 1, 3).reshape(3, 6, 8)  # ordered by lag, then by feature
    wanted = (lags @ known.own.T).transpose(0, 2, 1) + known.offset
    np.testing.assert_allclose(known.base(state.x), wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        known.residual(state.x, state.y), state.y - wanted, rtol=1e-4, atol=1e-5
    )


def test_known_parts_are_taken_with_their_locations(rng, known):
    state, some = make(rng), np.array([4, 1])
    part = known.take(some)
    np.testing.assert_allclose(
        part.base(state.take(some).x), known.base(state.x)[:, :, some], rtol=1e-5, atol=1e-6
    )
    assert part.calendar is known.calendar


def test_the_own_map_is_differentiable(rng, known):
    x = torch.tensor(make(rng).x, requires_grad=True)
    own_map(x, torch.tensor(known.own))[1, 2, 3].backward()
    wanted = torch.zeros_like(x)
    wanted[1, :, 3] = torch.tensor(known.own[2]).view(4, 2)
    torch.testing.assert_close(x.grad, wanted)
