from dataclasses import replace

import numpy as np
import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.distillation.shard import run_shard
from stemdist_ray.distillation.unrolled import UnrolledTraining
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters.catalog import build_forecaster
from tests.conftest import TINY


def test_unrolled_training_is_ordinary_training(clustered, make_task):
    """The weights after unrolling equal those of torch's Adam on the same subsets."""
    quiet = ForecasterConfig(name="stid", options={**TINY["forecaster"]["options"], "dropout": 0.0})
    task = replace(make_task(subsets=1, oldest=0), forecaster=quiet)
    torch.manual_seed(0)
    run = UnrolledTraining(clustered, task)
    twin = build_forecaster(task.forecaster, run.model.shape)
    twin.load_state_dict(run.model.state_dict())
    optimizer = torch.optim.Adam(twin.parameters(), lr=task.matching.inner_learning_rate)
    x, y = run.synthetic.x, run.synthetic.y
    point = run._unroll(run.point, x, y, 3)
    for _ in range(3):
        loss = run.synthetic_loss(twin, torch.arange(5), x, y, slice(None))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    expected = torch.cat([p.detach().flatten() for p in twin.parameters()])
    torch.testing.assert_close(point.weights.detach(), expected, rtol=1e-3, atol=1e-5)


def test_gradient_points_downhill(clustered, make_task):
    """Repeating the same unrolled training on updated data lowers the real loss."""
    losses = []
    state = None
    for _ in range(12):
        task = make_task(objective="unrolled", steps=1, learning_rate=0.005, real_batch=50)
        if state is not None:
            task = type(task)(**{**vars(task), "state": state})
        update = run_shard(clustered, task)
        losses.append(update.objectives[0])
        state = update.state
    assert losses[-1] < losses[0]


def test_training_goes_on_between_steps(clustered, make_task):
    torch.manual_seed(0)
    run = UnrolledTraining(clustered, make_task(inner_epochs=2, subsets=2, oldest=0))
    run.matching_step()
    assert run.point.count == 3
    run.train_surrogate()
    assert run.point.count == 3 + 2 * 2
    assert run.point.weights.grad_fn is None


def test_targets_can_stay_as_they_are(clustered, make_task):
    task = make_task(objective="unrolled", learn_targets=False)
    update = run_shard(clustered, task)
    np.testing.assert_array_equal(update.state.y, task.state.y)
    assert not np.array_equal(update.state.x, task.state.x)


def few_visited(make_task, **changes):
    """Two steps of one location each, of five locations."""
    return make_task(
        **{"subsets": 5, "unroll_steps": 2, "steps": 1, "oldest": 0, "inner_epochs": 0, **changes}
    )


def test_only_visited_locations_move_and_only_their_updates_rise(clustered, make_task):
    task = few_visited(make_task)
    state = run_shard(clustered, task).state
    visited = state.updates == 1
    assert visited.sum() == 2
    assert (state.updates[~visited] == 0).all()
    for name, old in task.state.arrays().items():
        new = getattr(state, name)
        if name != "updates":
            np.testing.assert_array_equal(new[:, :, ~visited], old[:, :, ~visited])
    moved = np.abs(state.x - task.state.x).max(axis=(0, 1, 3))
    assert (moved[visited] > 0).all()


def test_momentum_alone_moves_nothing(clustered, make_task):
    """A location that a later step leaves out is where the step before has left it."""
    one, two = (run_shard(clustered, few_visited(make_task, steps=s)).state for s in (1, 2))
    left_out = (one.updates == 1) & (two.updates == 1)
    assert left_out.any()
    np.testing.assert_array_equal(one.x[:, :, left_out], two.x[:, :, left_out])
    np.testing.assert_array_equal(one.x_first[:, :, left_out], two.x_first[:, :, left_out])


def test_passes_over_the_locations_go_on_from_step_to_step(clustered, make_task):
    updates = run_shard(clustered, few_visited(make_task, steps=5)).state.updates
    np.testing.assert_array_equal(updates, 2)  # 5 steps of 2 locations are 2 passes over 5


def test_a_surrogate_begins_at_some_age(clustered, make_task):
    ages = set()
    for seed in range(12):
        torch.manual_seed(0)
        run = UnrolledTraining(clustered, make_task(oldest=3, seed=seed))
        assert 0 <= run.point.count <= 3
        assert run.point.weights.requires_grad
        ages.add(run.point.count)
    assert len(ages) > 2


def test_the_loss_is_that_of_members_of_the_clusters(based_data, make_based_task):
    """Whoever is not in the shard plays no role."""
    task = make_based_task(against="readings")
    members = np.isin(based_data.assignment, task.locations)
    windows = based_data.real.windows

    def objectives(locations):
        inputs = windows.inputs.copy()
        inputs[:, locations] += 1
        real = replace(based_data.real, windows=replace(windows, inputs=inputs))
        return run_shard(replace(based_data, real=real), task).objectives

    same = run_shard(based_data, task).objectives
    assert objectives(~members) == same
    assert objectives(members) != same


def test_against_a_teacher_readings_are_inputs_only(based_data, make_based_task):
    windows, task = based_data.real.windows, make_based_task(steps=1)
    # A feature that is not an input of anything but the targets cannot be changed, a mask can.
    blind = replace(windows, input_mask=np.zeros_like(windows.input_mask))
    unseen = replace(based_data, real=replace(based_data.real, windows=blind))
    assert run_shard(unseen, task).objectives == run_shard(based_data, task).objectives
    readings = make_based_task(steps=1, against="readings")
    assert run_shard(based_data, readings).objectives != run_shard(based_data, task).objectives


def test_without_a_teacher_readings_take_its_place(based_data, make_based_task):
    alone = replace(based_data, teacher=None)
    with_readings = run_shard(alone, make_based_task(against="readings"))
    assert run_shard(alone, make_based_task()).objectives == with_readings.objectives


def test_locations_must_be_there_to_be_measured_on(based_data, make_based_task):
    with pytest.raises(ConfigError, match="needs the series of the real locations"):
        run_shard(replace(based_data, real=None), make_based_task())


def test_on_top_of_a_base_the_calendar_is_never_moved(based_data, make_based_task):
    task = make_based_task(steps=2)
    update = run_shard(based_data, task)
    assert update.state.x.shape == task.state.x.shape == (*task.state.x.shape[:3], 2)
    assert np.abs(update.state.x - task.state.x).max() > 0


def in_pieces(run, size):
    run.piece = size
    return run


@pytest.mark.parametrize("forecaster", ["stid", "graph_wavenet", "mtgnn"])
@pytest.mark.parametrize("learn_targets", [True, False])
def test_steps_computed_again_give_the_same_gradients(
    based_data, make_based_task, forecaster, learn_targets
):
    """Dropout and running statistics included: what was drawn is drawn again."""
    options = TINY["forecaster"]["options"] if forecaster == "stid" else {}
    task = make_based_task(learn_targets=learn_targets, unroll_steps=4, oldest=3)
    task = replace(task, forecaster=ForecasterConfig(name=forecaster, options=options))

    def begun():
        torch.manual_seed(0)
        return UnrolledTraining(based_data, task)

    run = begun()
    loss, point, gradients = run._whole()
    again = begun()
    loss_2, point_2, gradients_2 = again._again(len(again.synthetic.x))
    torch.testing.assert_close(loss_2, loss, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(point_2.weights, point.weights, rtol=1e-4, atol=1e-5)
    assert gradients.keys() == gradients_2.keys()
    for name, wanted in gradients.items():
        scale = float(wanted.abs().max())
        torch.testing.assert_close(gradients_2[name], wanted, rtol=1e-3, atol=1e-3 * scale)
    assert [s.tolist() for s in run.visited] == [s.tolist() for s in again.visited]
    for one, two in zip(run.model.buffers(), again.model.buffers(), strict=True):
        torch.testing.assert_close(one, two)


def test_windows_in_pieces_give_the_same_gradients(based_data, make_based_task):
    quiet = ForecasterConfig(name="stid", options={**TINY["forecaster"]["options"], "dropout": 0.0})
    found = []
    for size in (None, 100, 2, 1):
        torch.manual_seed(0)
        run = UnrolledTraining(based_data, replace(make_based_task(oldest=0), forecaster=quiet))
        assert len(run.synthetic.x) > 2
        found.append(run._whole()[2] if size is None else in_pieces(run, size)._again(size)[2])
    for gradients in found[1:]:
        for name, wanted in found[0].items():
            scale = float(wanted.abs().max())
            torch.testing.assert_close(gradients[name], wanted, rtol=1e-3, atol=1e-4 * scale)


def test_a_small_budget_changes_nothing_but_rounding(based_data, make_based_task):
    quiet = ForecasterConfig(name="stid", options={**TINY["forecaster"]["options"], "dropout": 0.0})
    whole = replace(make_based_task(steps=2, inner_epochs=1), forecaster=quiet)
    matching = whole.matching.model_copy(update={"memory_budget": 90_000})
    torch.manual_seed(0)
    piece = UnrolledTraining(based_data, replace(whole, matching=matching)).piece
    assert 1 <= piece < len(whole.state.x)
    one, two = (run_shard(based_data, task) for task in (whole, replace(whole, matching=matching)))
    np.testing.assert_allclose(two.objectives, one.objectives, rtol=1e-4)
    np.testing.assert_allclose(two.state.x, one.state.x, rtol=1e-3, atol=2e-4)


def test_a_budget_that_holds_not_even_one_window(based_data, make_based_task):
    with pytest.raises(ConfigError, match=r"one synthetic window of .* expected at most 1.0 KiB"):
        run_shard(based_data, make_based_task(memory_budget=1024))
