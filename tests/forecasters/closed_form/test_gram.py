from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.forecasters.closed_form import gram
from stemdist_ray.forecasters.closed_form.base_model import design
from stemdist_ray.forecasters.closed_form.gram import (
    GramMaterial,
    GramSums,
    GramTask,
    added,
    best_penalty,
    block_sums,
    gram_tasks,
)

STARTS, LOCATIONS = np.arange(0, 200, 3), np.arange(12)


def sums_of(source, starts=STARTS, locations=LOCATIONS, windows=None):
    windows = windows or source.windows
    material = GramMaterial(windows, (source.windows.base,))
    return block_sums(material, GramTask("one", 0, starts, locations, 1))


def whole(source):
    return replace(source.windows, input_mask=None)


@pytest.fixture
def samples(based):
    """Inputs (rows, D), targets and what was observed (H, rows)."""
    x = design(based.windows.base, based.windows, STARTS, LOCATIONS)
    y, seen = based.windows.targets(STARTS, LOCATIONS)
    flat = [a.transpose(1, 0, 2).reshape(4, -1) for a in (y, seen)]
    return x.reshape(-1, x.shape[2]), *flat


def test_weights_are_those_of_ridge_regression(based, samples):
    x, y, seen = samples
    weights = sums_of(based).solve(1e-2)
    shrink = np.full(x.shape[1], 1e-2)
    shrink[-1] = 1e-9  # the one
    for step in range(4):
        own, targets = x[seen[step]], y[step][seen[step]].astype(np.float64)
        matrix = own.T @ own + np.diag(shrink * len(own))
        np.testing.assert_allclose(
            weights[step], np.linalg.solve(matrix, own.T @ targets), rtol=1e-5, atol=1e-7
        )


def test_squared_error_is_that_of_the_samples(based, samples, rng):
    x, y, seen = samples
    weights = 0.1 * rng.normal(size=(4, x.shape[1]))
    wanted = (np.where(seen, weights @ x.T - y, 0) ** 2).sum()
    assert sums_of(based).squared_error(weights) == pytest.approx(wanted, rel=1e-8)


def test_where_nothing_is_missing_all_steps_share_their_sums(based):
    full, some = sums_of(based, windows=whole(based)), sums_of(based)
    assert full.gram.shape[0] == 1
    assert some.gram.shape[0] == full.horizon == 4
    assert (full.count == len(STARTS) * 12).all()
    assert (some.count < full.count).all()


def test_a_block_whose_targets_are_all_there_adds_to_others(based):
    """Sums of a series with gaps have a matrix per horizon step, in every block."""
    mask = based.windows.input_mask.copy()
    mask[:100] = True
    windows = replace(based.windows, input_mask=mask)
    parts = [
        sums_of(based, STARTS[:10], windows=windows),
        sums_of(based, STARTS[10:], windows=windows),
    ]
    both = sums_of(based, windows=windows)
    np.testing.assert_allclose(added(parts).gram, both.gram, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(added(parts).count, both.count)


def test_blocks_cover_everything_once_and_add_up(based, monkeypatch):
    monkeypatch.setattr(gram, "_ROWS_PER_BLOCK", 40)
    monkeypatch.setattr(gram, "_LOCATIONS_PER_BLOCK", 5)
    tasks = gram_tasks("base", 0, STARTS, LOCATIONS, threads=1)
    pairs = [(s, n) for t in tasks for s in t.starts for n in t.locations]
    assert len(tasks) > 10
    assert len({t.name for t in tasks}) == len(tasks)
    assert sorted(pairs) == [(s, n) for s in STARTS for n in LOCATIONS]
    material = GramMaterial(based.windows, (based.windows.base,))
    parts, one = added(block_sums(material, t) for t in tasks), sums_of(based)
    for name in ("gram", "moment", "square", "count"):
        # Profiles at lags and targets are float32 products, whatever is summed.
        np.testing.assert_allclose(getattr(parts, name), getattr(one, name), rtol=1e-6, atol=1e-4)


def test_no_windows_no_blocks():
    assert gram_tasks("base", 0, STARTS[:0], LOCATIONS, 1) == []


def test_validation_chooses_the_penalty(based):
    train, validation = sums_of(based, STARTS[:40]), sums_of(based, STARTS[40:])
    penalties = (1e-6, 1e-3, 1.0)
    best, weights, error = best_penalty(train, validation, penalties)
    errors = {p: validation.squared_error(train.solve(p)) for p in penalties}
    assert error == min(errors.values()) == errors[best]
    np.testing.assert_array_equal(weights, train.solve(best))


def test_a_horizon_step_that_was_never_observed_has_weights(based):
    one = sums_of(based)
    blank = GramSums(one.gram * 0, one.moment * 0, one.square * 0, one.count * 0)
    np.testing.assert_array_equal(blank.solve(1e-3), 0)
