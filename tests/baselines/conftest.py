"""What tests of methods share."""

import numpy as np
import pytest

from stemdist_ray.baselines.method import METHODS, MethodTask, MethodWork, expert_plan, run_method
from stemdist_ray.distillation.experts import train_experts
from stemdist_ray.distillation.validation import real_data
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.progress import SilentReporter

FEW_EXPERTS = {
    "experts": 2,
    "expert_epochs": 4,
    "expert_steps": 3,
    "expert_windows": 8,
    "latest_start": 2,
    "student_steps": 3,
}


def experts_for(work):
    """The experts that the method of some work asks for."""
    plan = expert_plan(work.config)
    if plan is None:
        return ()
    executor = SerialExecutor(work.real)
    return train_experts(plan, work.config, executor, "cpu", SilentReporter())


@pytest.fixture(scope="session")
def real(based, based_config):
    """The hours with their base."""
    return real_data(based, based_config)


@pytest.fixture(scope="session")
def make_work(real, based_config):
    """Work for a method: windows of all locations unless a share of them is given."""

    def make(name, spatial=1.0, temporal=0.05, real=real, **options):
        changes = {
            "method": name,
            "rounds": 0,
            "spatial_ratio": spatial,
            "temporal_ratio": temporal,
            "method_options": options,
        }
        config = based_config.model_copy(update=changes)
        return MethodWork(real, config, METHODS.get(name).read_options(options))

    return make


@pytest.fixture(scope="session")
def check_learns(make_work):
    """Check what holds for every method that learns windows; gives what it made."""

    def made_by(work):
        return run_method(work.real, MethodTask("m", work.config, "cpu", experts_for(work)))

    def check(name, start, **options):
        work = make_work(name, **options)
        made, again = made_by(work), made_by(work)
        count = work.real.windows.num_locations
        assert made.state.x.shape == start.state.x.shape == (work.num_windows, 6, count, 2)
        assert made.state.y.shape == (work.num_windows, 4, count)
        np.testing.assert_array_equal(made.state.x, again.state.x)
        np.testing.assert_array_equal(made.state.y, again.state.y)
        assert np.isfinite(made.state.x).all()
        assert np.isfinite(made.state.y).all()
        assert np.abs(made.state.x - start.state.x).max() > 0.01
        assert np.abs(made.state.y - start.state.y).max() > 0.01
        values, third = made.objectives, len(made.objectives) // 3
        assert len(values) == options["steps"]
        assert np.mean(values[-third:]) < np.mean(values[:third])
        smaller = make_work(name, spatial=0.4, **{**options, "steps": 1, "locations": "medoids"})
        assert made_by(smaller).state.num_locations == smaller.num_locations == 5
        return made

    return check
