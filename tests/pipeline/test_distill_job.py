import hashlib
import json
import platform
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from stemdist_ray import SyntheticDataset, build_config, distill
from stemdist_ray.data import prepared
from stemdist_ray.data.prepared import prepare_source
from stemdist_ray.distillation.budget import ordered
from stemdist_ray.distillation.experts import train_expert
from stemdist_ray.distillation.start import chosen_windows
from stemdist_ray.distillation.teacher import taught_targets, train_member
from stemdist_ray.errors import ArtifactError, ConfigError, DataError
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.progress import SilentReporter
from stemdist_ray.system import points
from tests.conftest import GOLDEN, TINY


def bits_environment():
    """What the bits of sums depend on: library versions and the processor's instructions."""
    return {
        "processor": torch.backends.cpu.get_cpu_capability(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


# The paper's algorithm, which has neither base nor teacher: later releases may not change its bits.
PAPER = {
    "rounds": 2,
    "spatial_ratio": 0.4,
    "data": {"lookback": 6, "horizon": 4},
    "forecaster": {"options": {"channels": 8, "skip_channels": 8, "end_channels": 8, "top_k": 4}},
    "matching": {"steps": 2, "subsets": 2, "inner_epochs": 1, "real_batch": 8},
    "validation": {"every": 1, "epochs": 2, "check_every": 1, "windows": 4},
    "worker": {"num_workers": 0},
    "tracking": {"enabled": False},
    "seed": 5,
}


def small_run_hash():
    with tempfile.TemporaryDirectory() as folder:
        result = distill(
            "sim:traffic?locations=24,steps=400,seed=3",
            Path(folder) / "run",
            build_config("paper", PAPER),
        )
    digest = hashlib.blake2b(digest_size=16)
    digest.update(result.dataset.x.tobytes())
    digest.update(result.dataset.y.tobytes())
    return digest.hexdigest()


class StopAfter(SilentReporter):
    """Interrupts the run when it says a certain thing."""

    def __init__(self, words):
        self.words = words

    def say(self, text):
        if self.words in text:
            raise KeyboardInterrupt


def test_typed_result(artifact, traffic, tiny_config, tmp_path):
    result = distill(traffic, tmp_path / "run", tiny_config)
    assert isinstance(result.dataset, SyntheticDataset)
    assert [r.round for r in result.history] == [0, 1, 2]
    assert result.best_validation == min(r.validation for r in result.history)
    assert result.run_id is None
    # The same call twice gives the same data.
    np.testing.assert_array_equal(SyntheticDataset.load(artifact).x, result.dataset.x)


@pytest.mark.parametrize("words", ["start", "round 1/2"])
def test_interrupted_and_resumed_equals_undisturbed(
    artifact, traffic, tiny_config, tmp_path, words
):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        distill(traffic, folder, tiny_config, reporter=StopAfter(words))
    assert (folder / "checkpoint").exists()
    assert not (folder / "manifest.json").exists()
    result = distill(traffic, folder, None, resume=True)
    undisturbed = SyntheticDataset.load(artifact)
    np.testing.assert_array_equal(result.dataset.x, undisturbed.x)
    np.testing.assert_array_equal(result.dataset.y, undisturbed.y)
    counted, whole = (
        {r.kind: r.tasks for r in d.manifest.executions} for d in (result.dataset, undisturbed)
    )
    assert counted["distillation.teacher.train_member"] == 1  # not again
    assert counted["distillation.shard.run_shard"] == whole["distillation.shard.run_shard"]


def test_a_finished_run_can_get_more_rounds(traffic, tiny_config, tmp_path):
    folder = tmp_path / "run"
    distill(traffic, folder, tiny_config)
    more = build_config("demo", TINY, {"rounds": 3})
    longer = distill(traffic, folder, more, resume=True)
    assert [r.round for r in longer.history] == [0, 1, 2, 3]
    direct = distill(traffic, tmp_path / "direct", more)
    np.testing.assert_array_equal(longer.dataset.x, direct.dataset.x)


def test_resume_refuses_other_readings_and_settings(artifact, traffic, tiny_config, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(artifact, folder)
    changed = traffic.with_changes(values=traffic.values + 1)
    with pytest.raises(ConfigError, match="are not those it was begun with"):
        distill(changed, folder, tiny_config, resume=True)
    other = build_config("demo", TINY, {"spatial_ratio": 0.2})
    with pytest.raises(ConfigError, match="spatial_ratio was 0.4 and is 0.2"):
        distill(traffic, folder, other, resume=True)
    assert SyntheticDataset.load(folder).num_bytes > 0


@pytest.mark.parametrize("left", [None, "checkpoint", "tracking.json"])
def test_where_there_is_nothing_to_resume_it_begins(artifact, traffic, tiny_config, tmp_path, left):
    """As the first try of a job that is tried again does, or the second after an early death."""
    folder = tmp_path / "run"
    if left == "checkpoint":
        (folder / left / ".000001.tmp").mkdir(parents=True)
    elif left is not None:
        folder.mkdir()
        (folder / left).write_text("{}")
    result = distill(traffic, folder, tiny_config, resume=True)
    np.testing.assert_array_equal(result.dataset.x, SyntheticDataset.load(artifact).x)


def test_a_finished_run_whose_checkpoint_was_deleted_stays(
    artifact, traffic, tiny_config, tmp_path
):
    folder = tmp_path / "run"
    shutil.copytree(artifact, folder, ignore=shutil.ignore_patterns("checkpoint"))
    with pytest.raises(ArtifactError, match="a finished run already, and no checkpoint to resume"):
        distill(traffic, folder, tiny_config, resume=True)


def test_a_run_that_is_asked_for_what_it_did_leaves_all_as_it_is(artifact, traffic, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(artifact, folder)
    (folder / "evaluation.json").write_text("of these data")
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    distill(traffic, folder, resume=True)
    after = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    changed = {p.name for p in {*before, *after} if before.get(p) != after.get(p)}
    assert changed <= {"tracking.json"}
    (folder / "synthetic.parquet").write_bytes(b"PAR1")  # what is damaged is written anew
    distill(traffic, folder, resume=True)
    np.testing.assert_array_equal(
        SyntheticDataset.load(folder).x, SyntheticDataset.load(artifact).x
    )
    assert (folder / "stale" / "evaluation.json").read_text() == "of these data"


def test_going_on_sets_aside_what_was_said_of_the_data_before(artifact, traffic, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(artifact, folder)
    (folder / "evaluation.json").write_text("of two rounds")
    distill(traffic, folder, build_config("demo", TINY, {"rounds": 3}), resume=True)
    assert not (folder / "evaluation.json").exists()
    assert (folder / "stale" / "evaluation.json").read_text() == "of two rounds"
    assert not (folder / ".next").exists()


def test_addresses_are_refused(traffic):
    with pytest.raises(ConfigError, match="out is s3://bucket/run, an address"):
        distill(traffic, "s3://bucket/run")


@pytest.mark.parametrize("change", [{"forecaster": {"name": "x"}}, {"data": {"lookback": 999}}])
def test_bad_settings_touch_nothing(tmp_path, traffic, change):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("")
    config = build_config("demo", TINY, change)
    with pytest.raises((ConfigError, DataError)):
        distill(traffic, tmp_path / "run", config, overwrite=True)
    assert [p.name for p in tmp_path.rglob("*")] == ["run", "mine.txt"]


def test_a_bad_source_leaves_no_half_artifact(tmp_path, tiny_config):
    with pytest.raises(DataError):
        distill(tmp_path / "none.csv", tmp_path / "run", tiny_config)
    assert not (tmp_path / "run").exists()


def test_several_features_covariates_and_no_learned_targets(tmp_path, rng):
    from stemdist_ray import SpatioTemporalSeries

    times = np.datetime64("2024-01-01", "ns") + np.arange(200) * np.timedelta64(1, "h")
    values = rng.normal(size=(200, 7, 2)).cumsum(0).astype(np.float32)
    series = SpatioTemporalSeries(values, times=times, feature_names=("flow", "speed"))
    config = build_config(
        "demo",
        TINY,
        {
            "data": {"target": "speed", "covariates": ["time_of_day", "day_of_week"]},
            "matching": {"learn_targets": False},
            "rounds": 1,
        },
    )
    result = distill(series, tmp_path / "run", config)
    assert result.dataset.x.shape[3] == 2
    # Train has not seen a whole week: there is the time of day, and no day of the week.
    assert result.dataset.inputs().shape[3] == 4 + ("weekend" in result.dataset.manifest.calendar)
    assert result.dataset.manifest.target.name == "speed"


def test_the_papers_objective_runs_as_well(traffic, tmp_path):
    config = build_config(
        "paper",
        {
            **TINY,
            "matching": {**TINY["matching"], "objective": "gradient"},
            "num_shards": 1,
            "teacher": {"epochs": 0},
        },
    )
    result = distill(traffic, tmp_path / "run", config)
    assert result.history[1].objective > 1
    assert (result.dataset.fitted_base, result.dataset.teacher) == (None, None)
    assert result.dataset.manifest.result.teachers == {}
    np.testing.assert_array_equal(result.dataset.inputs(), result.dataset.x)


def test_more_rounds_equal_a_direct_run_though_the_last_round_was_not_due(traffic, tmp_path):
    """Every third round is validated; the first run also validates its last one, round 2."""
    rhythm = {"validation": {**TINY["validation"], "every": 3}}
    short, long = (build_config("demo", TINY, rhythm, {"rounds": n}) for n in (2, 4))
    first = distill(traffic, tmp_path / "run", short)
    assert [r.validation is not None for r in first.history] == [True, False, True]
    longer = distill(traffic, tmp_path / "run", long, resume=True)
    direct = distill(traffic, tmp_path / "direct", long)
    assert [r.validation for r in longer.history] == [r.validation for r in direct.history]
    assert longer.best_round == direct.best_round
    np.testing.assert_array_equal(longer.dataset.x, direct.dataset.x)


def test_a_prepared_source_is_not_read_again(traffic, tiny_config, tmp_path, artifact, monkeypatch):
    ready = prepare_source(traffic, tiny_config.data)
    monkeypatch.setattr(prepared, "prepare", lambda *unused: pytest.fail("prepared again"))
    result = distill(ready, tmp_path / "run", tiny_config)
    np.testing.assert_array_equal(result.dataset.x, SyntheticDataset.load(artifact).x)


def test_same_bits_as_the_release_before():
    """A small run, recorded with an earlier release; compared where sums have the same bits."""
    recorded = json.loads((GOLDEN / "bits.json").read_text())
    if recorded["environment"] != bits_environment():
        pytest.skip(f"recorded with {recorded['environment']}")
    assert small_run_hash() == recorded["hash"]


def test_no_rounds_leave_the_taught_start(traffic, tmp_path):
    config = build_config("demo", TINY, {"rounds": 0})
    result = distill(traffic, tmp_path / "run", config)
    assert [r.round for r in result.history] == [0]
    assert result.best_round == 0
    data = result.dataset
    targets = taught_targets(data.teacher, data.known, data.x)
    np.testing.assert_array_equal(data.y, targets)


def test_without_a_teacher_the_targets_are_readings(traffic, tmp_path):
    config = build_config("demo", TINY, {"rounds": 0, "teacher": {"epochs": 0}})
    data = distill(traffic, tmp_path / "run", config).dataset
    source = prepare_source(traffic, config.data)
    starts = chosen_windows(config, source)
    y, seen = source.windows.targets(starts, data.medoids)
    np.testing.assert_array_equal(data.y[seen], y[seen])
    assert data.fitted_base is not None
    assert data.teacher is None


@pytest.mark.parametrize("base", ["ridge", "none"])
def test_other_bases(traffic, tmp_path, base):
    config = build_config("demo", TINY, {"base": base, "rounds": 1})
    result = distill(traffic, tmp_path / "run", config)
    fitted = result.dataset.fitted_base
    assert (fitted is None) if base == "none" else (fitted.model.kind == "ridge")
    assert np.isfinite(result.best_validation)


@pytest.fixture
def budgeted():
    return build_config("demo", TINY, {"budget": 0.02})


def test_a_budget_picks_the_ratios(traffic, tmp_path, budgeted):
    result = distill(traffic, tmp_path / "run", budgeted)
    config = result.dataset.config
    assert config.budget == 0.02
    size = result.dataset.manifest.size
    assert result.dataset.x.shape[2] == round(config.spatial_ratio * 24)
    assert 0.5 < size.bytes / (0.02 * size.real_bytes) <= 1.0
    assert "balance" in result.dataset.manifest.stages
    tried = result.dataset.manifest.balances
    assert len(tried) > 1
    assert tried[0].spatial_ratio == config.spatial_ratio
    assert tried == ordered(tried)
    assert len({b.spatial_ratio for b in tried}) == len(tried)
    assert SyntheticDataset.load(tmp_path / "run").manifest.balances == tried


@pytest.mark.parametrize("given", [True, False])
def test_a_run_with_a_budget_can_be_resumed(traffic, tmp_path, budgeted, given):
    whole = distill(traffic, tmp_path / "whole", budgeted)
    with pytest.raises(KeyboardInterrupt):
        distill(traffic, tmp_path / "run", budgeted, reporter=StopAfter("round 1/2"))
    resumed = distill(traffic, tmp_path / "run", budgeted if given else None, resume=True)
    np.testing.assert_array_equal(resumed.dataset.x, whole.dataset.x)
    assert resumed.dataset.manifest.balances == whole.dataset.manifest.balances


@pytest.mark.ray
def test_workers_do_not_decide_the_data(artifact, traffic, tiny_config, tmp_path, local_ray):
    workers = tiny_config.worker.model_copy(update={"num_workers": 2})
    config = tiny_config.model_copy(update={"worker": workers})
    result = distill(traffic, tmp_path / "run", config)
    whole = SyntheticDataset.load(artifact)
    np.testing.assert_array_equal(result.dataset.x, whole.x)
    np.testing.assert_array_equal(result.dataset.y, whole.y)


class Counting(SerialExecutor):
    """Counts the members of a teacher that are trained."""

    trained = 0

    def run(self, function, tasks, on_done):
        self.trained += len(tasks) * (function is train_member)
        return super().run(function, tasks, on_done)


def test_a_driver_that_dies_while_the_teacher_trains_does_not_train_it_again(
    traffic, tmp_path, monkeypatch
):
    config = build_config("demo", TINY, {"rounds": 0, "teacher": {"members": 3}})
    reached = []

    def die_at_the_second(point):
        reached.append(point)
        if reached.count("teacher member trained") == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(points, "_listeners", [die_at_the_second])
    with pytest.raises(KeyboardInterrupt):
        distill(traffic, tmp_path / "run", config)
    monkeypatch.setattr(points, "_listeners", [])
    assert len(list((tmp_path / "run").rglob("*.member"))) == 2
    executor = Counting()
    again = distill(traffic, tmp_path / "run", config, resume=True, executor=executor)
    assert executor.trained == 1
    calm = distill(traffic, tmp_path / "calm", config)
    np.testing.assert_array_equal(again.dataset.y, calm.dataset.y)
    assert again.dataset.manifest.result == calm.dataset.manifest.result
    assert list((tmp_path / "run").rglob("*.member")) == []


class Interrupted(SerialExecutor):
    """Dies after two experts, then counts those that are trained."""

    def __init__(self, most):
        super().__init__()
        self.most, self.trained = most, []

    def run(self, function, tasks, on_done):
        def done(result):
            on_done(result)
            if function is train_expert:
                self.trained.append(result.index)
                if len(self.trained) == self.most:
                    raise KeyboardInterrupt

        return super().run(function, tasks, done)


def test_a_driver_that_dies_while_experts_train_does_not_train_them_again(traffic, tmp_path):
    few = {"experts": 3, "expert_epochs": 3, "expert_steps": 2, "latest_start": 1, "steps": 2}
    of_method = {"method": "mtt", "method_options": few, "spatial_ratio": 1.0, "rounds": 0}
    config = build_config("demo", TINY, of_method)
    with pytest.raises(KeyboardInterrupt):
        distill(traffic, tmp_path / "run", config, executor=Interrupted(2))
    assert len(list((tmp_path / "run").rglob("*.expert"))) == 2
    executor = Interrupted(9)
    again = distill(traffic, tmp_path / "run", config, resume=True, executor=executor)
    assert executor.trained == [2]
    calm = distill(traffic, tmp_path / "calm", config)
    np.testing.assert_array_equal(again.dataset.x, calm.dataset.x)
    np.testing.assert_array_equal(again.dataset.y, calm.dataset.y)
    manifest = again.dataset.manifest
    assert manifest.distill_seconds() >= manifest.stages["experts"].seconds > 0
    assert list((tmp_path / "run").rglob("*.expert")) == []
