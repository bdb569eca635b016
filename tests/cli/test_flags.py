import pytest
import typer

from stemdist_ray.cli.app import app
from stemdist_ray.cli.flags import SETTING_FLAGS, with_file_keys, with_flags
from stemdist_ray.config import RankConfig, TrainConfig, build_config, flatten

FLAGS = set(SETTING_FLAGS.values())


@pytest.mark.parametrize(
    ("message", "ours"),
    [
        ("go on with resume=True", "go on with --resume"),
        ("move it aside with overwrite=True", "move it aside with --overwrite"),
        ("choose another `out`", "choose another --out"),
        ("data.start: no time", "data.start (--start): no time"),
        ("leave out data.start.", "leave out data.start (--start)."),
        (
            "give data.start and data.sampling_step",
            "give data.start (--start) and data.sampling_step (--sampling-step)",
        ),
        ("spatial_ratio: too large", "spatial_ratio (--spatial-ratio): too large"),
        ("config.worker.num_workers: no", "config.worker.num_workers (--workers): no"),
    ],
)
def test_words_of_the_command_line(message, ours):
    assert with_flags(message, FLAGS) == ours


@pytest.mark.parametrize(
    "message",
    [
        "data.starts: unknown setting",
        "metadata.start: unknown setting",
        "data.start.x: unknown setting",
        "forecaster.name (--forecaster) is x",
        "my_spatial_ratio is no setting",
        "my_config.spatial_ratio is no setting",
        "the file resume.csv goes out",
        "/runs/num_shards/a is a file",
    ],
)
def test_other_words_stay(message):
    assert with_flags(message, FLAGS) == message


def test_a_flag_is_named_once():
    assert with_flags("worker.num_workers is 2; lower worker.num_workers", FLAGS) == (
        "worker.num_workers (--workers) is 2; lower worker.num_workers"
    )


def test_only_flags_that_the_command_takes_are_named():
    message = "spatial_ratio and worker.num_workers; resume=True"
    assert with_flags(message, {"--workers"}) == (
        "spatial_ratio and worker.num_workers (--workers); --resume"
    )


def test_words_of_job_files():
    assert with_file_keys("go on with resume=True, choose another `out`, or overwrite=True") == (
        "go on with resume: true, choose another out, or overwrite: true"
    )
    assert with_file_keys("data.start: no time") == "data.start: no time"


def test_settings_and_flags_exist():
    settings = {**build_config().model_dump(mode="json"), **TrainConfig().model_dump(mode="json")}
    settings["rank"] = RankConfig().model_dump(mode="json")
    assert set(SETTING_FLAGS) <= set(flatten(settings))
    commands = typer.main.get_command(app).commands.values()
    flags = {flag for command in commands for option in command.params for flag in option.opts}
    assert {flag.split("/")[0] for flag in SETTING_FLAGS.values()} <= flags
