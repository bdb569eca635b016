import numpy as np

from stemdist_ray.distillation.state import SyntheticState


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
