import pytest
import torch

from stemdist_ray import DistillConfig, TrainConfig
from stemdist_ray.errors import ExecutionError
from stemdist_ray.execution.devices import worker_device


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
