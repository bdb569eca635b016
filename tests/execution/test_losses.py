import pytest
import torch
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    GetTimeoutError,
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
)

from stemdist_ray.errors import DivergenceError
from stemdist_ray.execution.losses import ADVICE, Loss, in_a_line, loss_of_raised, loss_of_worker


class AcceleratorError(RuntimeError):
    """As newer versions of torch raise it."""


@pytest.mark.parametrize(
    ("error", "loss"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered"), Loss.DEVICE),
        (RuntimeError("CUDA error: device-side assert triggered"), Loss.DEVICE),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), Loss.DEVICE),
        (RuntimeError("No CUDA GPUs are available"), Loss.DEVICE),
        (AcceleratorError("whatever it says"), Loss.DEVICE),
        (torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), Loss.MEMORY),
        (RuntimeError("CUDA error: out of memory"), Loss.MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), Loss.MEMORY),
        (MemoryError(), Loss.MEMORY),
        # These would be raised anywhere.
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), None),
        (DivergenceError("round 3: CUDA error in the text"), None),
        (ValueError("CUDA error"), None),
        (KeyError("x"), None),
    ],
)
def test_what_tasks_raise(error, loss):
    assert loss_of_raised(error) is loss


@pytest.mark.parametrize(
    ("error", "begun", "loss"),
    [
        (ActorDiedError(), True, Loss.CRASHED),
        (ActorDiedError(), False, Loss.NOT_BEGUN),
        (RayActorError(preempted=True), True, Loss.MACHINE),
        (RayActorError(error_msg="died because its node has died. Node Id: 4"), True, Loss.MACHINE),
        (RayActorError(error_msg="due to the node running low on memory."), True, Loss.MEMORY),
        (ActorUnavailableError("rpc failed", None), True, Loss.UNREACHABLE),
        (OutOfMemoryError("node is low"), True, Loss.MEMORY),
        (NodeDiedError("gone"), True, Loss.MACHINE),
        (ObjectLostError("00", None, ""), True, Loss.MACHINE),
        (GetTimeoutError("late"), True, None),
    ],
)
def test_what_ray_raises(error, begun, loss):
    assert loss_of_worker(error, begun) is loss


def test_every_reason_has_advice():
    assert set(ADVICE) == set(Loss)


def test_an_error_in_a_line():
    assert in_a_line(ValueError("one\n two\n")) == "ValueError: one"
    assert in_a_line(ValueError()) == "ValueError"
    died = RayActorError(error_msg="The actor died.\n\tpid: 7\nIts process died. Exit type: X")
    assert in_a_line(died) == "Its process died"
    broken = RayActorError(error_msg="Traceback\nValueError: no. 7 is", actor_init_failed=True)
    assert in_a_line(broken) == "ValueError: no. 7 is"
