"""Run a training loop on Ray Train: data-parallel, going on after lost workers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray
import ray.train
import torch.distributed
from ray.train import Checkpoint, CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer, get_device
from torch import Tensor

from stemdist_ray.config.training import TrainWorkerConfig
from stemdist_ray.errors import ExecutionError, StemdistError
from stemdist_ray.execution.policy import needs, start_timeout
from stemdist_ray.execution.session import (
    ask_for,
    ray_session,
    register_all,
    registered_by_user,
)
from stemdist_ray.execution.waiting import wait_for_room
from stemdist_ray.system.threads import torch_threads
from stemdist_ray.training.group import load_state, save_state
from stemdist_ray.training.loop import TrainingLoop, TrainingWork

_STATE = "state.pt"
_ANY = -1  # number of Ray Train's that means: without an end


class RayGroup:
    """The workers of a Ray Train run, seen from one of them."""

    def __init__(self) -> None:
        context = ray.train.get_context()
        self.rank: int = context.get_world_rank()
        self.size: int = context.get_world_size()

    def all_reduce(self, values: Tensor) -> None:
        """See :class:`stemdist_ray.training.group.Group`."""
        if self.size > 1:
            torch.distributed.all_reduce(values)

    def report(self, record: Mapping[str, float], state: Mapping[str, Any] | None) -> None:
        """See :class:`stemdist_ray.training.group.Group`."""
        if state is None:
            ray.train.report(dict(record), checkpoint=None)
            return
        with tempfile.TemporaryDirectory() as folder:
            save_state(Path(folder) / _STATE, state)
            ray.train.report(dict(record), checkpoint=Checkpoint.from_directory(folder))

    def restore(self) -> dict[str, Any] | None:
        """See :class:`stemdist_ray.training.group.Group`."""
        return _state_of(ray.train.get_checkpoint())


def _state_of(checkpoint: Any) -> dict[str, Any] | None:
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        return load_state(Path(folder) / _STATE)


def _worker(settings: dict[str, Any]) -> None:
    """What every worker of the run executes."""
    work, forecasters = ray.get(settings["references"])
    register_all(forecasters)
    # Workers of one machine see all of its GPUs; "cuda" would be the first one in every thread that
    # was not told otherwise.
    device = str(get_device()) if settings["gpu"] else "cpu"
    with torch_threads(settings["threads"]):
        TrainingLoop(work, RayGroup(), device).run()


def train_on_ray(
    work: TrainingWork,
    config: TrainWorkerConfig,
    folder: Path,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Train with Ray Train; where ``folder`` holds checkpoints, go on from the last one.

    Args:
        work: What to train.
        config: Number and size of workers.
        folder: Where checkpoints are kept; with workers on several machines a folder that all of
            them share.
        say: Told of machines that are waited for.

    Returns:
        The last checkpoint.

    Raises:
        ExecutionError: The workers could not be placed, or were lost too often.
        DivergenceError: The forecaster never reached a finite validation error.
    """
    gpu = config.num_gpus > 0
    # Ray Train's controller takes its place beside the workers.
    with ray_session(config.address, config.num_workers + 1, config.num_cpus) as joined:
        _wait_for_room(config, joined, say)
        references = [ray.put(work), ray.put(registered_by_user())]
        trainer = TorchTrainer(
            _worker,
            train_loop_config={
                "references": references,
                "threads": config.threads,
                "gpu": gpu,
            },
            torch_config=TorchConfig(backend="nccl" if gpu else "gloo"),
            scaling_config=ScalingConfig(
                num_workers=_number(config),
                use_gpu=gpu,
                resources_per_worker=needs(config),
            ),
            run_config=RunConfig(
                name=folder.name,
                storage_path=str(folder.absolute().parent),
                failure_config=FailureConfig(
                    max_failures=config.max_failures,
                    max_preemption_failures=(
                        _ANY if config.max_preemptions is None else config.max_preemptions
                    ),
                ),
                checkpoint_config=CheckpointConfig(num_to_keep=2),
            ),
        )
        try:
            state = _state_of(trainer.fit().checkpoint)
        except ray.train.TrainingFailedError as error:
            raise _cause(error) from error
    if state is None:
        raise ExecutionError(f"training ended without a checkpoint in {folder}; see the log of Ray")
    return state


def _number(config: TrainWorkerConfig) -> int | tuple[int, int]:
    """Workers as Ray Train is told of them: a fixed number, or the fewest and the most."""
    most, fewest = config.num_workers, config.fewest
    return most if fewest == most else (fewest, most)


def _wait_for_room(config: TrainWorkerConfig, joined: bool, say: Callable[[str], None]) -> None:
    """Wait for the fewest workers: Ray Train would, without an end and without a word.

    Raises:
        ExecutionError: There is no room for them, and none came in time.
    """
    each = needs(config)
    patience = start_timeout(config.start_timeout, joined) if joined else 0.0
    wait_for_room(
        lambda: _check_room(config.fewest, each),
        lambda: ask_for([each] * config.num_workers),
        say,
        patience,
    )
    if joined:
        ask_for([])  # from here on Ray Train asks for itself


def _check_room(workers: int, each: Mapping[str, float]) -> None:
    have = ray.cluster_resources()
    for name, count in each.items():
        if workers * count > have.get(name, 0.0):
            raise ExecutionError(
                f"{workers} workers want {workers * count:g} {name}, the cluster has "
                f"{have.get(name, 0.0):g}; lower worker.num_workers or worker.num_{name.lower()}s, "
                "or add nodes"
            )


def _cause(error: BaseException) -> StemdistError:
    """The first domain error that workers raised, else the failure in one line."""
    failures = getattr(error, "worker_failures", None) or {}
    for failure in failures.values():
        known: BaseException | None = failure
        while known is not None:
            if isinstance(known, StemdistError):
                return known
            known = getattr(known, "cause", None) or known.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return ExecutionError(f"training failed: {lines[-1] if lines else type(error).__name__}")
