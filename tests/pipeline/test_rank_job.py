import shutil
from dataclasses import replace

import pytest

from stemdist_ray import RankConfig, SyntheticDataset, rank
from stemdist_ray.artifact.rank_files import RankStore
from stemdist_ray.config import build_config
from stemdist_ray.errors import ConfigError
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.pipeline import rank_job
from stemdist_ray.pipeline.rank_job import rank_settings
from stemdist_ray.progress import SilentReporter

THREE = RankConfig(
    configurations=[
        {"forecaster": "stid", "learning_rate": 1e-2},
        {"forecaster": "dlinear", "learning_rate": 1e-2},
        {"forecaster": "dlinear", "learning_rate": 1e-5},
    ],
    resamples=20,
)
FEW = THREE.model_copy(update={"trained_on": ("distilled", "random_subset")})


class Said(SilentReporter):
    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)


class Counting(SerialExecutor):
    def __init__(self, most=None):
        super().__init__()
        self.trained, self.most = 0, most

    def run(self, function, tasks, on_done):
        def done(result):
            self.trained += function is rank_job.run_cell
            on_done(result)
            if self.trained == self.most:
                raise KeyboardInterrupt

        return super().run(function, tasks, done)


@pytest.fixture
def settings(tiny_config):
    """One seed, one epoch."""
    evaluation = tiny_config.evaluation.model_copy(
        update={"epochs": 1, "repeats": 1, "full_data_epochs": 1}
    )
    return tiny_config.model_copy(update={"evaluation": evaluation})


@pytest.fixture
def folder(artifact, tmp_path):
    return shutil.copytree(artifact, tmp_path / "run")


def errors(result):
    return {cell.key: (cell.validation, cell.test, cell.optimizer_steps) for cell in result.cells}


def test_the_whole_ranking(folder, traffic, settings):
    result = rank(folder, traffic, THREE, settings)
    assert list(result.ranked) == [*THREE.trained_on, "full_data"]
    assert len(result.cells) == 7 * 3
    # A rate of 1e-5 learns nothing in a few steps: that everybody sees.
    assert (
        errors(result)["distilled", "dlinear-1e-05-w1", 0]
        > errors(result)["distilled", "dlinear-0.01-w1", 0]
    )
    seconds = SyntheticDataset.load(folder).manifest.distill_seconds()
    assert result.ranked["distilled"].ahead_seconds == seconds
    assert result.ranked["random_subset"].ahead_seconds == 0
    assert 0 < result.ranked["random_teacher"].ahead_seconds < seconds
    assert {p.name for p in (folder / "rank").iterdir()} == {
        *("cells", "settings.json", "rank.json", "rank.parquet", "rank.md", "rank.png"),
    }
    assert errors(RankStore(folder).read()) == errors(result)


def test_what_has_ended_is_not_done_again(folder, traffic, settings):
    with pytest.raises(KeyboardInterrupt):
        rank(folder, traffic, FEW, settings, executor=Counting(4))
    said, rest = Said(), Counting()
    result = rank(folder, traffic, FEW, settings, reporter=said, executor=rest)
    assert rest.trained == 9 - 4
    assert "4 of 9 trainings were done before" in said.lines
    whole = rank(SyntheticDataset.load(folder), traffic, FEW, settings)
    assert errors(whole) == errors(result)
    again = Counting()
    two = settings.evaluation.model_copy(update={"repeats": 2})
    more = settings.model_copy(update={"evaluation": two})
    rank(folder, traffic, FEW, more, executor=again)
    assert again.trained == 9
    longer = two.model_copy(update={"epochs": 2, "repeats": 1})
    again = Counting()
    rank(folder, traffic, FEW, settings.model_copy(update={"evaluation": longer}), executor=again)
    assert again.trained == 6  # full training, which the others are held against, stays
    with pytest.raises(ConfigError, match="seed was 0 and is 1"):
        rank(folder, traffic, FEW, settings.model_copy(update={"seed": 1}))
    changed = traffic.with_changes(values=traffic.values + 1)
    with pytest.raises(ConfigError, match="readings was"):
        rank(folder, changed, FEW, settings)


@pytest.mark.slow  # tests of an evaluation show the same of the tasks
@pytest.mark.ray
def test_workers_do_not_decide_the_errors(artifact, traffic, settings, local_ray):
    data = SyntheticDataset.load(artifact)
    workers = settings.worker.model_copy(update={"num_workers": 2})
    serial = rank(data, traffic, FEW, settings)
    parallel = rank(data, traffic, FEW, settings.model_copy(update={"worker": workers}))
    assert errors(parallel) == errors(serial)


def test_tracks_and_what_is_missing(artifact, traffic, settings):
    data = SyntheticDataset.load(artifact)
    alone = replace(data, fitted_base=None, teacher=None, known=replace(data.known, own=None))
    based = FEW.model_copy(update={"track": "with_base"})
    assert rank(data, traffic, based, settings).track == "with_base"
    with pytest.raises(ConfigError, match="the data set has no base"):
        rank(alone, traffic, based, settings)
    said, both = Said(), FEW.model_copy(update={"trained_on": ("distilled", "random_teacher")})
    assert "random_teacher" not in rank(alone, traffic, both, settings, reporter=said).ranked
    assert "the data set has no teacher; left out: random_teacher" in said.lines
    with pytest.raises(ConfigError, match="nothing is left of random_teacher to rank by"):
        lost = FEW.model_copy(update={"trained_on": ("random_teacher",)})
        rank(alone, traffic, lost, settings)


def test_other_locations_and_rows_and_protocols_are_refused(artifact, traffic, settings):
    ids = (*traffic.location_ids[:-1], "elsewhere")
    with pytest.raises(ConfigError, match="locations that are not those"):
        rank(artifact, traffic.with_changes(location_ids=ids), FEW, settings)
    with pytest.raises(ConfigError, match="found x; expected some of"):
        rank(artifact, traffic, FEW.model_copy(update={"trained_on": ("x",)}), settings)
    with pytest.raises(ConfigError, match="found paper"):
        rank(
            artifact, traffic, FEW, build_config("standard", {"evaluation": {"protocol": "paper"}})
        )
    assert not (artifact / "rank").exists()


def test_budget_by_default(tiny_config):
    found = rank_settings(tiny_config).evaluation
    assert (found.epochs, found.repeats) == (100, 1)
    assert found.full_data_epochs == tiny_config.evaluation.full_data_epochs
