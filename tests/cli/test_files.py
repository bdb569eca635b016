from pathlib import Path

import pytest

from stemdist_ray.cli.files import JobFile, RankFile, TrainFile, TuneFile
from stemdist_ray.cli.jobs import DistillJob
from stemdist_ray.comparison.ranking.configurations import configurations_of
from stemdist_ray.config import PRESETS, DistillConfig, build_config
from stemdist_ray.config.yaml_files import read_yaml
from stemdist_ray.errors import ConfigError
from stemdist_ray.sweeps.model_space import ModelSpace
from stemdist_ray.sweeps.sweep import SweepConfig
from tests.conftest import ROOT

JOB = {"source": "demo", "out": "x"}


@pytest.fixture
def parse(tmp_path):
    def parse(kind, text):
        (tmp_path / "job.yaml").write_text(f"source: demo\nout: x\n{text}")
        return kind.parse(read_yaml(tmp_path / "job.yaml"))

    return parse


def test_all_problems_of_a_job_file_are_reported():
    with pytest.raises(ConfigError) as caught:
        JobFile.parse({"out": "x", "colour": 1})
    assert "source: Field required" in str(caught.value)
    assert "colour: unknown setting" in str(caught.value)


def test_all_problems_of_a_train_file_are_reported():
    with pytest.raises(ConfigError) as caught:
        TrainFile.parse({"out": "x", "config": {"training": {"epochs": 0}}, "colour": 1})
    for part in ("source: Field required", "config.training.epochs", "colour: unknown setting"):
        assert part in str(caught.value)


def test_all_problems_of_a_tune_file_are_reported():
    with pytest.raises(ConfigError) as caught:
        TuneFile.parse({**JOB, "search": {"trials": 0, "serch": 1}})
    for part in ("search.trials", "search.serch: unknown setting"):
        assert part in str(caught.value)


@pytest.mark.parametrize("path", [ROOT / "jobs" / "configs" / "demo.yaml"], ids=lambda p: p.name)
def test_shipped_job_files_are_valid(path):
    file = JobFile.parse(read_yaml(path))
    job = file.distill_job()
    assert isinstance(job, DistillJob)
    assert job.config().num_shards >= 1
    assert file.evaluate_job().layers == ({"worker": {"num_workers": 2}},)


def test_shipped_rank_file_is_valid():
    job = RankFile.parse(read_yaml(ROOT / "jobs" / "configs" / "rank.yaml"))
    assert len(configurations_of(job.rank)) == 21  # one of the four forecasters has no widths


def test_shipped_train_file_is_valid():
    assert TrainFile.parse(read_yaml(ROOT / "jobs" / "configs" / "train.yaml")).register_as


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tuning" / "configs").glob("*.yaml")), ids=lambda p: p.name
)
def test_shipped_tune_files_describe_sweeps(path):
    job = TuneFile.parse(read_yaml(path))
    sweep = SweepConfig(preset=job.preset, config=job.config, search=job.search)
    # The data set of a search for models is made when its file is used.
    space = sweep.space() if job.models is None else ModelSpace(job.search, "standard", job.config)
    space.check()
    assert f"--config tuning/configs/{path.name}" in path.read_text()


SERIES = "config: {data: {start: 2012-03-01, sampling_step: 5min}, tracking: {experiment: 1.10}}\n"


@pytest.mark.parametrize("kind", [JobFile, TuneFile])
def test_settings_have_the_types_of_their_fields(parse, kind):
    config = build_config("demo", parse(kind, SERIES).config)
    assert (config.data.start, config.data.sampling_step) == ("2012-03-01", "5min")
    assert config.tracking.experiment == "1.10"


def test_settings_of_a_training_too(parse):
    job = parse(TrainFile, SERIES + "register_as: 2.0\ndistilled: 2012\nresume: yes\n")
    assert (job.config.data.start, job.config.data.sampling_step) == ("2012-03-01", "5min")
    assert job.config.tracking.experiment == "1.10"
    assert (job.register_as, job.distilled, job.resume) == ("2.0", Path("2012"), True)


def test_keys_of_a_job_file_have_their_types(parse):
    job = parse(
        JobFile,
        "forecasters: [1, inf]\njson_file: 12\ncsv_file: null\nfull_data: true\noverwrite: false\n",
    )
    assert job.forecasters == ("1", "inf")
    assert (job.json_file, job.csv_file) == (Path("12"), None)
    assert (job.full_data, job.overwrite) == (True, False)


def test_a_nested_search_space(parse):
    job = parse(
        TuneFile,
        "search:\n"
        "  space:\n"
        "    spatial_ratio: {log: [1e-2, 1], points: 3}\n"
        "    matching.steps: {integer: [1, 3]}\n"
        "    matching.learning_rate: {choice: [1e-3, .5]}\n"
        "    forecaster.name: {choice: [mtgnn, no]}\n"
        "    data.start: {choice: [2012-03-01]}\n"
        "    worker.num_workers: {choice: [null, 1]}\n"
        "  budget: 5e-3\n"
        "  concurrent: null\n"
        "  objectives: [error, bytes]\n",
    )
    space = job.search.space
    assert space["spatial_ratio"].log == (0.01, 1.0)
    assert space["spatial_ratio"].points == 3
    assert space["matching.steps"].integer == (1, 3)
    assert space["matching.learning_rate"].choice == (1e-3, 0.5)
    assert space["forecaster.name"].choice == ("mtgnn", "no")
    assert space["data.start"].choice == ("2012-03-01",)
    assert space["worker.num_workers"].choice == (None, 1)
    assert (job.search.budget, job.search.concurrent) == (5e-3, None)
    assert job.search.objectives == ("error", "bytes")


def test_values_to_choose_from_have_the_types_of_their_setting(parse):
    text = """
search:
  space:
    data.target: {choice: [1.10, 2, speed]}
    data.start: {choice: [2012-03-01]}
    forecaster.options: {choice: [{channels: 4}, {}]}
    num_shards: {choice: [1, 2]}
    nonsense: {choice: [a]}
"""
    space = parse(TuneFile, text).search.space
    assert space["data.target"].choice == ("1.10", 2, "speed")
    assert space["data.start"].choice == ("2012-03-01",)
    assert space["forecaster.options"].choice == ({"channels": 4}, {})
    assert space["num_shards"].choice == (1, 2)


@pytest.mark.parametrize("kind", [JobFile, TrainFile, TuneFile])
@pytest.mark.parametrize("text", ["config: 3\n", "config: [1]\n", "config: null\n"])
def test_settings_are_a_mapping(parse, kind, text):
    with pytest.raises(ConfigError, match="config: Input should be a valid dictionary"):
        parse(kind, text)


def test_keys_that_occur_twice_are_errors(parse):
    with pytest.raises(ConfigError, match="out is given twice, in lines 2 and 3"):
        parse(JobFile, "out: y\n")


def test_resume_starts_where_there_is_nothing(tmp_path):
    job = JobFile.parse({"source": "demo", "out": str(tmp_path / "none"), "resume": True})
    assert job.distill_job().config() == build_config("standard")


def test_an_evaluation_takes_its_own_settings_of_a_file_and_checks_all(parse):
    text = "preset: paper\nconfig: {rounds: 1, evaluation: {epochs: 7}, seed: 3}\n"
    assert parse(JobFile, text).evaluate_job().layers == ({"evaluation": {"epochs": 7}, "seed": 3},)
    for bad in ("matchin: {steps: 1}", "matching: {stepz: 1}", "rounds: -1"):
        with pytest.raises(ConfigError, match=r"configuration: (matchin|rounds)"):
            parse(JobFile, f"config: {{{bad}}}\n").evaluate_job()
    with pytest.raises(ConfigError, match="unknown preset"):
        parse(JobFile, "preset: x\n").evaluate_job()


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_what_a_run_has_written_down_can_be_given_again(preset):
    settings = build_config(preset).model_dump(mode="json")
    job = JobFile.parse({**JOB, "config": settings})
    assert build_config("standard", job.config) == build_config(preset)
    assert isinstance(build_config("standard", job.config), DistillConfig)
