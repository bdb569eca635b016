"""Judge synthetic data by a fresh evaluator on the validation split."""

from __future__ import annotations

import numpy as np
import torch

from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.windows import PreparedData, evenly_spaced
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.evaluation.fit import fit
from stemdist_ray.evaluation.metrics import Metrics
from stemdist_ray.evaluation.predict import EvaluationWindows, score_forecaster
from stemdist_ray.evaluation.sources import FixedWindows
from stemdist_ray.forecasters.base import Forecaster, WindowShape
from stemdist_ray.seeding import derive_seed


def driver_device(config: DistillConfig) -> str:
    """Where the driver trains evaluators: its own GPU if the run uses GPUs and it has one."""
    return "cuda" if config.worker.num_gpus > 0 and torch.cuda.is_available() else "cpu"


def judging_windows(data: PreparedData, config: DistillConfig) -> EvaluationWindows:
    """The validation windows that choices made while distilling are judged by."""
    starts = data.starts["val"]
    return EvaluationWindows.of(data, starts[evenly_spaced(len(starts), config.validation.windows)])


class SyntheticJudge:
    """Mean validation relative RMSE of evaluators trained on synthetic data.

    All rounds use the same seeds, so that rounds differ by their data alone.

    Args:
        data: The prepared real series.
        clustering: Gives the loss weights.
        config: Budget and seed.
    """

    def __init__(self, data: PreparedData, clustering: Clustering, config: DistillConfig) -> None:
        self.config, self.clustering = config, clustering
        self.device = driver_device(config)
        self.windows = judging_windows(data, config)
        self.context = data.encoder_input()
        series = data.windows
        self.shape = WindowShape(series.lookback, series.horizon, series.num_features)

    def __call__(self, synthetic: SyntheticState) -> float:
        """Train and judge; lower is better."""
        config = self.config.validation
        source = FixedWindows(
            synthetic.x,
            synthetic.y,
            self.clustering.cluster_size,
            self.config.evaluation.subsets,
            device=self.device,
        )
        scores = []
        for repeat in range(config.repeats):
            result = fit(
                source,
                self._validate,
                forecaster=self.config.forecaster,
                shape=self.shape,
                epochs=config.epochs,
                check_every=config.check_every,
                learning_rate=self.config.evaluation.learning_rate,
                averaging=self.config.evaluation.averaging,
                seed=derive_seed(self.config.seed, "judge", repeat),
                device=self.device,
            )
            scores.append(result.validation.relative_rmse)
        return float(np.mean(scores))

    def _validate(self, model: Forecaster) -> Metrics:
        return score_forecaster(model, self.windows, self.context, self.device)
