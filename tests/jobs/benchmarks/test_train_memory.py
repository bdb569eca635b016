import json

import pytest

from jobs.benchmarks.train_memory import (
    TrainMemory,
    run_memory_command,
    train_distilled,
    train_full,
    train_nothing,
)
from stemdist_ray.errors import ConfigError
from tests.cli.conftest import SOURCE


def test_every_training_runs(artifact):
    """In this process; the command gives each a process of its own."""
    for name in ("stid", "agcrn"):
        train_nothing(str(artifact), name)
        train_distilled(str(artifact), name)
        train_full(str(artifact), SOURCE, name)


def test_the_ratio():
    assert TrainMemory("stid", 2.0, 9.0).ratio == 4.5
    assert TrainMemory("dlinear", 0.0, 12.5).ratio == 12.5  # too little to be measured


def test_unknown_forecasters_are_refused(artifact, tmp_path):
    with pytest.raises(ConfigError, match="unknown forecaster"):
        run_memory_command(artifact, SOURCE, ["nobody"], tmp_path / "m.json", "")
    assert not (tmp_path / "m.json").exists()


@pytest.mark.slow
def test_the_command(artifact, tmp_path, capsys):
    run_memory_command(artifact, SOURCE, ["dlinear"], tmp_path / "m.json", "the command")
    tree = json.loads((tmp_path / "m.json").read_text())
    (one,) = tree["forecasters"]
    assert one["full_mib"] > 0
    assert one["distilled_mib"] > 0
    assert tree["command"] == "the command"
    assert "dlinear" in capsys.readouterr().out
