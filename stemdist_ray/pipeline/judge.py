"""Judge synthetic data by fresh evaluators on the validation split.

Axis letters: W windows, L lookback, H horizon, N locations, K clusters, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.windows import PreparedData, evenly_spaced
from stemdist_ray.distillation.coordinator import Executor, Judgement
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ClusteredData
from stemdist_ray.evaluation.fit import fit
from stemdist_ray.evaluation.predict import EvaluationWindows, score_forecaster
from stemdist_ray.evaluation.sources import FixedWindows
from stemdist_ray.forecasters.base import WindowShape
from stemdist_ray.seeding import derive_seed
from stemdist_ray.threads import torch_threads


def driver_device(config: DistillConfig) -> str:
    """Where the driver trains evaluators: its own GPU if the run uses GPUs and it has one."""
    return "cuda" if config.worker.num_gpus > 0 and torch.cuda.is_available() else "cpu"


def judging_windows(data: PreparedData, config: DistillConfig) -> EvaluationWindows:
    """The validation windows that choices made while distilling are judged by."""
    starts = data.starts["val"]
    return EvaluationWindows.of(data, starts[evenly_spaced(len(starts), config.validation.windows)])


@dataclass(frozen=True)
class JudgeTask:
    """All that one evaluator needs, wherever it is trained.

    Args:
        name: For messages, e.g. "evaluator 1 of 2".
        x: (W, L, K, F) synthetic inputs, scaled.
        y: (W, H, K) synthetic targets, scaled.
        cluster_size: (K,) members of each cluster.
        windows: What the evaluator is judged by.
        context: (N, L, F) mean train windows of the real locations.
        config: Budget and forecaster.
        seed: Of this evaluator.
        device: "cpu" or "cuda".
    """

    name: str
    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    cluster_size: npt.NDArray[np.int64]
    windows: EvaluationWindows
    context: npt.NDArray[np.float32]
    config: DistillConfig
    seed: int
    device: str


def train_and_judge(data: ClusteredData, task: JudgeTask) -> Judgement:
    """Train one evaluator on synthetic data and judge it on the validation windows."""
    del data  # the clustered train series: evaluators never see it
    config, series = task.config.validation, task.windows.data.windows
    with torch_threads(task.config.worker.threads):
        result = fit(
            FixedWindows(
                task.x,
                task.y,
                task.cluster_size,
                task.config.evaluation.subsets,
                device=task.device,
            ),
            lambda model: score_forecaster(model, task.windows, task.context, task.device),
            forecaster=task.config.forecaster,
            shape=WindowShape.of(series),
            epochs=config.epochs,
            check_every=config.check_every,
            learning_rate=task.config.evaluation.learning_rate,
            averaging=task.config.evaluation.averaging,
            seed=task.seed,
            device=task.device,
        )
    return Judgement(result.validation.relative_rmse, result.train_seconds)


class SyntheticJudge:
    """Mean validation relative RMSE of evaluators trained on synthetic data.

    The evaluators train beside each other, on the workers. All rounds use the same seeds, so that
    rounds differ by their data alone.

    Args:
        data: The prepared real series.
        clustering: Gives the loss weights.
        config: Budget and seed.
        executor: Where the evaluators train.
        device: Where they compute, "cpu" or "cuda".
    """

    def __init__(
        self,
        data: PreparedData,
        clustering: Clustering,
        config: DistillConfig,
        executor: Executor,
        device: str = "cpu",
    ) -> None:
        self.config, self.clustering = config, clustering
        self.executor, self.device = executor, device
        self.windows = judging_windows(data, config).compact()
        self.context = data.encoder_input()

    def __call__(self, synthetic: SyntheticState) -> Judgement:
        """Train and judge."""
        repeats = self.config.validation.repeats
        tasks = [
            JudgeTask(
                name=f"evaluator {repeat + 1} of {repeats}",
                x=synthetic.x,
                y=synthetic.y,
                cluster_size=self.clustering.cluster_size,
                windows=self.windows,
                context=self.context,
                config=self.config,
                seed=derive_seed(self.config.seed, "judge", repeat),
                device=self.device,
            )
            for repeat in range(repeats)
        ]
        said = self.executor.run(train_and_judge, tasks, lambda judgement: None)
        return Judgement(
            error=float(np.mean([j.error for j in said])),
            train_seconds=float(np.mean([j.train_seconds for j in said])),
        )
