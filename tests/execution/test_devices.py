import pytest
import torch

from stemdist_ray import DistillConfig, TrainConfig
from stemdist_ray.config import WorkerConfig
from stemdist_ray.errors import ExecutionError
from stemdist_ray.execution.devices import in_this_process, worker_device


def test_without_gpus(tiny_config):
    assert worker_device(tiny_config) == "cpu"


@pytest.mark.parametrize("kind", [DistillConfig, TrainConfig])
def test_gpu_that_is_not_there(kind):
    config = kind.model_validate({"worker": {"num_workers": 0, "num_gpus": 1}})
    if torch.cuda.is_available():
        assert worker_device(config) == "cuda"
    else:
        with pytest.raises(ExecutionError, match="no usable GPU"):
            worker_device(config)


@pytest.mark.parametrize(("usable", "gpus"), [(True, 0.5), (False, 0.0)])
def test_what_moves_to_this_process_asks_for_no_gpu_that_it_has_not(monkeypatch, usable, gpus):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: usable)
    worker = WorkerConfig(num_workers=4, num_gpus=0.5)
    assert in_this_process(worker) == {"num_workers": 0, "num_gpus": gpus}
