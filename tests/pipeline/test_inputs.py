import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.pipeline.inputs import read_input


def test_description_of_a_source_and_of_a_series(traffic):
    job = read_input("sim:traffic?locations=24,steps=400,seed=3", DataConfig())
    memory = read_input(traffic, DataConfig())
    assert job.description["format"] == "simulation"
    assert memory.description["format"] == "memory"
    assert job.description["hash"] == memory.description["hash"]
    assert job.description["sampling_seconds"] == 300
    assert job.description["missing_share"] == pytest.approx(traffic.missing_share)
    assert job.description["first_time"].startswith("2024-01-01")
