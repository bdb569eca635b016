from dataclasses import replace

import numpy as np
import pytest
import torch

from stemdist_ray.forecasters.closed_form.base_model import (
    PARTS,
    BoundBase,
    base_calendar,
    design,
    group_means,
)

STARTS = np.array([0, 17, 100, 233])


@pytest.fixture
def bound(based):
    return based.windows.base


def inputs(source, starts):
    return source.windows.inputs[starts[:, None] + np.arange(6)]


def test_the_forecast_is_the_map_of_its_inputs(based, bound):
    x = design(bound, based.windows, STARTS, np.arange(12))
    weights = np.concatenate([bound.model.weights[p] for p in PARTS if p in bound.model.weights], 1)
    forecast = bound.forecast(inputs(based, STARTS), STARTS, None)
    wanted = (x @ weights.T).transpose(0, 2, 1)
    np.testing.assert_allclose(forecast, wanted, rtol=1e-4, atol=1e-5)


def test_it_is_affine_in_its_own_lags(based, bound, rng):
    x = inputs(based, STARTS)
    for values in (x, rng.normal(size=x.shape).astype(np.float32), np.zeros_like(x)):
        rest = (
            bound.forecast(values, STARTS, None) - bound.own_part(torch.from_numpy(values)).numpy()
        )
        np.testing.assert_allclose(rest, bound.offset(STARTS), atol=1e-5)


def test_the_own_part_is_linear_and_differentiable(bound):
    x = torch.randn(2, 6, 3, 2, requires_grad=True)
    y = torch.randn(2, 6, 3, 2)
    torch.testing.assert_close(
        bound.own_part(2 * x - y), 2 * bound.own_part(x) - bound.own_part(y), atol=1e-5, rtol=1e-4
    )
    (gradient,) = torch.autograd.grad(bound.own_part(x)[0, 2, 1], x)
    wanted = torch.zeros_like(gradient)
    wanted[0, :, 1] = torch.tensor(bound.model.weights["own"][2]).view(6, 2)
    torch.testing.assert_close(gradient, wanted)


def test_some_locations_are_forecast_as_among_all(based, bound):
    some, x = np.array([7, 2, 2]), inputs(based, STARTS)
    whole = bound.forecast(x, STARTS, None)
    np.testing.assert_allclose(
        bound.forecast(x[:, :, some], STARTS, some), whole[:, :, some], atol=1e-5
    )
    selected = bound.select(some)
    np.testing.assert_allclose(
        selected.forecast(x[:, :, some], STARTS, None), whole[:, :, some], atol=1e-5
    )
    np.testing.assert_allclose(
        bound.offset(STARTS, some), bound.offset(STARTS)[:, :, some], atol=1e-5
    )


def test_some_steps_are_forecast_as_among_all(based, bound):
    x = inputs(based, np.array([100]))
    whole = bound.forecast(x, np.array([100]), None)
    for some, first in ((slice(90, 130), 10), (np.arange(98, 120), 2)):
        np.testing.assert_array_equal(bound.take(some).forecast(x, np.array([first]), None), whole)


def test_the_map_of_a_mean_is_the_mean_of_the_maps(based, bound, rng):
    weights = rng.random((3, 12))
    weights /= weights.sum(axis=1, keepdims=True)
    x = inputs(based, STARTS)
    whole = bound.forecast(x, STARTS, None)
    mean_x = np.einsum("kn,wlnf->wlkf", weights, x).astype(np.float32)
    mean = bound.average(weights).forecast(mean_x, STARTS, None)
    np.testing.assert_allclose(mean, whole @ weights.T, atol=1e-5)
    assert bound.average(weights).model.membership.shape == (3, bound.model.membership.shape[1])


def test_what_other_locations_do_matters_through_the_means_only(based, bound):
    x = inputs(based, STARTS)
    other = x.copy()
    other[:, :, 1:] += 9
    np.testing.assert_array_equal(
        bound.forecast(other, STARTS, None)[:, :, 0], bound.forecast(x, STARTS, None)[:, :, 0]
    )
    moved = replace(bound, overall=bound.overall + 1)
    gap = moved.offset(STARTS) - bound.offset(STARTS)
    wanted = bound.model.weights["overall"].sum(axis=1)
    np.testing.assert_allclose(gap, np.broadcast_to(wanted[:, None], gap.shape), atol=1e-5)


@pytest.mark.parametrize("missing", [False, True])
def test_group_means(seasonal, missing):
    windows, members = seasonal.windows, np.eye(2, dtype=np.float32)[np.arange(12) % 2]
    if not missing:
        windows = replace(windows, input_mask=None)
    groups, overall = group_means(windows, members)
    values = windows.inputs[..., 0]
    seen = np.ones_like(values) if not missing else windows.input_mask[..., 0]
    for group in (0, 1):
        own = slice(group, None, 2)
        wanted = values[:, own].sum(1) / np.maximum(seen[:, own].sum(1), 1)
        np.testing.assert_allclose(groups[:, group], wanted, rtol=1e-4, atol=1e-5)
    wanted = values.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    np.testing.assert_allclose(overall, wanted, rtol=1e-4, atol=1e-5)


def test_where_nothing_was_observed_the_mean_is_the_train_mean(seasonal):
    inputs, mask = seasonal.windows.inputs.copy(), seasonal.windows.input_mask.copy()
    inputs[5], mask[5] = 0, False
    windows = replace(seasonal.windows, inputs=inputs, input_mask=mask)
    groups, overall = group_means(windows, np.zeros((12, 0), np.float32))
    assert groups.shape == (384, 0)
    assert overall[5] == 0


def test_calendar_of_a_base(seasonal):
    assert base_calendar(seasonal.windows, ()) is None
    found = base_calendar(seasonal.windows, (4, 0))
    np.testing.assert_array_equal(found, seasonal.windows.calendar[:, [4, 0]])


def test_bytes_are_those_of_the_numbers(bound):
    model = bound.model
    numbers = sum(w.size for w in model.weights.values()) + 12
    numbers += model.profile.coefficients.size + model.profile.patterns.size
    assert model.num_bytes == 4 * numbers + 8 * 12  # and a group per location
    assert isinstance(bound, BoundBase)
